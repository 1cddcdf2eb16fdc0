"""The content pictures: scenes with depth and light, marched along rays or built as landscapes, in perspective.

Every painter takes a random generator and returns a picture (H, W, 3).
"""

import numpy as np
from brushes import (
    Camera,
    ball,
    blur,
    box,
    crevices,
    curve,
    grid,
    hash2,
    march,
    melt,
    mix,
    noise,
    normals,
    ramp,
    rgb,
    rod,
    sample,
    shadow,
    smooth,
    table,
    turned,
)
from PIL import Image, ImageDraw
from scipy import ndimage


def develop(light, exposure=1.0, warmth=0.0):
    """Linear light (H, W, 3) to sRGB with a soft shoulder, as film does."""
    v = light * exposure * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    v = np.clip(v * (2.51 * v + 0.03) / (v * (2.43 * v + 0.59) + 0.14), 0, 1)
    return np.where(v < 0.0031, 12.92 * v, 1.055 * np.maximum(v, 1e-6) ** (1 / 2.4) - 0.055).astype(np.float32)


def lin(colour):
    """`"#rrggbb"` as linear light."""
    return rgb(colour) ** 2.2


def speckle(p, scale, seed=0):
    """Smooth solid noise in [-1, 1] at points (N, 3)."""
    q = p * scale + seed * 17.3
    total = np.zeros(len(p), np.float32)
    for k in range(4):
        f = 1.9**k
        a = np.sin(q[:, 0] * f + 1.7 * np.sin(q[:, 1] * f * 0.8 + k) + 1.3 * k)
        b = np.sin(q[:, 1] * f * 1.1 + 1.5 * np.sin(q[:, 2] * f * 0.9 + 2 * k) + seed)
        c = np.sin(q[:, 2] * f * 0.95 + 1.6 * np.sin(q[:, 0] * f * 1.05 + 3 * k))
        total += (a * b + b * c + c * a) / 3 * 0.6**k
    return total / 1.4


def still_life(rng):
    """Fruit, a bowl and a bottle on a wooden table by a window, with soft shadows and glazed reflections."""
    h, w = 576, 768
    light = np.array([-0.62, 0.62, -0.48], np.float32)
    light /= np.linalg.norm(light)
    fruit = [
        ((-0.35, 0.78, 0.1), 0.3),
        ((0.22, 0.8, -0.12), 0.29),
        ((-0.05, 0.86, 0.42), 0.3),
        ((0.5, 0.78, 0.35), 0.28),
        ((0.08, 1.16, 0.12), 0.27),
    ]
    bowl_at = (-0.05, 0, 0.15)
    bowl_cut = table(
        "0 0, 0.42 0, 0.42 0.05, 0.3 0.1, 0.62 0.24, 0.92 0.52, 1.0 0.78, 0.95 0.8, 0.86 0.56, 0.58 0.32, 0 0.24"
    )
    bottle_cut = table(
        "0 0, 0.34 0, 0.37 0.05, 0.37 1.25, 0.33 1.45, 0.17 1.72, 0.13 1.85, 0.13 2.2, 0.17 2.22, 0.17 2.32, 0 2.32"
    )
    jug_cut = table(
        "0 0, 0.3 0, 0.46 0.2, 0.52 0.5, 0.42 0.82, 0.26 1.02, 0.25 1.15, 0.34 1.34, 0.3 1.35, "
        "0.2 1.16, 0.2 1.0, 0.36 0.8, 0 0.6"
    )

    bowl_cut, bottle_cut, jug_cut = (curve(*cut, n=70) for cut in (bowl_cut, bottle_cut, jug_cut))

    def apple(p, centre, r):
        q = p - np.asarray(centre, np.float32)
        across = np.hypot(q[:, 0], q[:, 2])
        return (np.hypot(across - 0.35 * r, q[:, 1] * (1 + 0.12 * q[:, 1])) - 0.68 * r) * 0.9

    def scene(p):
        x, y, z = p.T
        folds = 0.035 * np.sin(x * 5 + 2 * np.sin(z * 1.7)) * smooth(-0.4, 0.4, np.abs(x - 0.9) - 0.2) + 0.03 * np.sin(
            z * 7 + x * 2
        )
        cloth = (
            np.maximum(
                np.abs(y - 0.035 - 0.6 * np.abs(folds)) - 0.03,
                np.maximum(np.abs(x * 0.94 + z * 0.34 - 0.62) - 1.0, np.abs(z * 0.94 - x * 0.34 + 0.75) - 0.85),
            )
            * 0.6
        )
        board = box(p, (0, -0.15, 0.2), (3.4, 0.15, 1.75), 0, 0.04)
        wall = 2.6 - z
        bowl = turned(p, bowl_at, bowl_cut) - 0.02
        bottle = turned(p, (-1.32, 0, 0.75), bottle_cut) - 0.012
        jug = turned(p, (1.42, 0, 0.85), jug_cut) - 0.02
        handle = np.hypot(np.hypot(x - 1.92, (y - 0.72) * 0.85) - 0.27, z - 0.85) - 0.05
        jug = melt(jug, np.maximum(handle, 1.8 - x), 0.05)
        apples = np.minimum.reduce([apple(p, c, r) for c, r in fruit[:2]] + [apple(p, (-1.05, 0.27, -0.62), 0.33)])
        oranges = np.minimum.reduce([ball(p, c, r) for c, r in fruit[2:4]] + [ball(p, (0.95, 0.33, -0.75), 0.27)])
        lemon = (
            np.linalg.norm(
                (p - np.array([1.5, 0.3, -0.45], np.float32)) * np.array([0.78, 1.05, 1.05], np.float32), axis=1
            )
            - 0.21
        )
        lemon = np.minimum(
            lemon,
            np.linalg.norm((p - np.array(fruit[4][0], np.float32)) * np.array([0.8, 1.05, 1.0], np.float32), axis=1)
            - 0.22,
        )
        pear = melt(ball(p, (-1.75, 0.3, -0.2), 0.3), ball(p, (-1.72, 0.7, -0.17), 0.15), 0.22)
        stalks = np.minimum.reduce(
            [
                rod(p, a, b, 0.018)
                for a, b in (
                    ((-1.72, 0.82, -0.17), (-1.66, 0.98, -0.15)),
                    ((-1.05, 0.38, -0.62), (-1.0, 0.58, -0.6)),
                    ((-0.35, 0.92, 0.1), (-0.42, 1.1, 0.06)),
                    ((0.22, 0.92, -0.12), (0.28, 1.08, -0.16)),
                )
            ]
        )
        grapes = np.minimum.reduce(
            [
                ball(p, (0.05 + 0.15 * i - 0.05 * j, 0.17 + 0.1 * ((i + j) % 2), -1.02 + 0.13 * j), 0.1)
                for i in range(4)
                for j in range(3)
            ]
        )
        return np.stack([board, wall, cloth, bowl, bottle, jug, apples, oranges, lemon, pear, stalks, grapes])

    eye = Camera((0.35, 2.05, -5.6), (0.05, 0.72, 0.2), 2.1)

    def shade(origin, d, bounce):
        t = march(scene, origin, d, 16, 90)
        p = origin + t[:, None] * d
        part = scene(p).argmin(0)
        n = normals(scene, p, 0.003)
        grain = np.sin(p[:, 2] * 34 + 3.5 * np.sin(p[:, 0] * 1.4) + 5 * speckle(p * [0.6, 1, 2.5], 1.3))
        plank = np.abs(np.mod(p[:, 2] * 1.6, 1) - 0.5) > 0.49
        wood = mix(ramp(0.5 + 0.5 * grain, lin("#5f3a20"), lin("#84552e")), lin("#1c0f08"), plank * 0.8)
        plaster = ramp(
            0.5 + 0.4 * speckle(p, 1.5, 3) + 0.12 * speckle(p, 9, 1), lin("#46555a"), lin("#6f7a74"), lin("#8a8a78")
        )
        checks = (np.abs(np.sin((p[:, 0] * 0.94 + p[:, 2] * 0.34) * 9)) < 0.22) | (
            np.abs(np.sin((p[:, 2] * 0.94 - p[:, 0] * 0.34) * 9)) < 0.22
        )
        linen = mix(np.broadcast_to(lin("#e6dcc6"), p.shape), lin("#3f5f8f"), checks * 0.75)
        bands = smooth(0.05, 0.03, np.abs(p[:, 1] - 0.62)) + smooth(0.025, 0.015, np.abs(p[:, 1] - 0.48))
        glaze = mix(
            ramp(np.clip(0.5 + 0.4 * speckle(p, 3), 0, 1), lin("#cfd6d6"), lin("#e9e6da")),
            lin("#24488f"),
            np.clip(bands, 0, 1),
        )
        label = (np.abs(p[:, 1] - 0.72) < 0.3) & (p[:, 2] < 0.75) & (np.abs(p[:, 0] + 1.32) < 0.3)
        glass = np.where(
            label[:, None], lin("#d9c797") * (0.8 + 0.2 * (np.abs(np.sin(p[:, 1] * 40)) > 0.3))[:, None], lin("#16301f")
        )
        clay = ramp(
            np.clip(0.5 + 0.5 * np.sin(p[:, 1] * 70) * 0.3 + 0.35 * speckle(p, 2), 0, 1), lin("#8f4a26"), lin("#bd7540")
        )
        clay = mix(clay, lin("#e8dcc0"), smooth(0.78, 0.86, p[:, 1] + 0.05 * speckle(p, 6)) * (part == 5))
        flame = np.clip(0.5 + 0.5 * speckle(p * [1, 0.3, 1], 4, 2) + 0.25 * np.sin(p[:, 0] * 8), 0, 1)
        colours = [
            wood, plaster, linen, glaze, glass, clay,
            ramp(flame, lin("#8f1414"), lin("#c4281c"), lin("#d9962f")),
            np.broadcast_to(lin("#e8801a"), p.shape) * (1 + 0.08 * speckle(p, 40))[:, None],
            np.broadcast_to(lin("#eccb32"), p.shape) * (1 + 0.07 * speckle(p, 30))[:, None],
            ramp(np.clip(0.5 + 0.5 * speckle(p, 3, 5), 0, 1), lin("#8f9a2a"), lin("#c9b53f"), lin("#c98a3a")),
            np.broadcast_to(lin("#3a2a18"), p.shape),
            ramp(np.clip(0.5 + 0.6 * speckle(p, 5, 4), 0, 1), lin("#2a1238"), lin("#5a2450")),
        ]  # fmt: skip
        albedo = np.select([(part == k)[:, None] for k in range(len(colours))], colours)
        q = p + 0.012 * n
        sun = np.clip(n @ light, 0, 1) * shadow(scene, q, light, 7, 7)
        open_ = crevices(scene, q, n, 0.55)
        # light from a paned window: bars across the wall and the table
        wx = p[:, 0] - light[0] / light[1] * p[:, 1]
        gobo = 0.25 + 0.75 * smooth(0.0, 0.12, 1.75 - np.abs(wx + 0.2)) * smooth(0.03, 0.1, np.abs(wx + 0.05))
        gobo = np.where(part == 1, 0.3 + 0.7 * smooth(-0.35, 0.35, 1.6 - p[:, 1] - 0.55 * p[:, 0]), 0.75 + 0.25 * gobo)
        back = np.clip(n @ -light * 0.5 + 0.2, 0, 1)
        colour = albedo * (
            sun[:, None] * gobo[:, None] * np.array([3.1, 2.75, 2.2])
            + open_[:, None]
            * (
                (0.5 + 0.5 * n[:, 1:2]) * np.array([0.26, 0.34, 0.46])
                + back[:, None] * np.array([0.28, 0.18, 0.1])
                + 0.1
            )
        )
        gloss = np.array([0.06, 0, 0, 0.5, 0.9, 0.18, 0.4, 0.14, 0.16, 0.2, 0, 0.5])[part] * np.where(
            (part == 4) & label, 0.1, 1
        )
        facing = np.clip(-(n * d).sum(1), 0, 1)
        fresnel = gloss * (0.08 + 0.92 * (1 - facing) ** 5)
        mirror = d + 2 * facing[:, None] * n
        tight = np.clip(mirror @ light, 0, 1)
        pane = (
            smooth(0.965, 0.975, tight)
            * smooth(0.0, 0.012, np.abs(mirror[:, 0] - light[0]))
            * shadow(scene, q, light, 7, 4)
        )
        colour = colour + (gloss * (0.5 * tight**28 * (sun > 0.02) + 1.5 * pane))[:, None] * np.array([1.0, 0.95, 0.85])
        if bounce:
            shiny = fresnel > 0.02
            if shiny.any():
                colour[shiny] += fresnel[shiny, None] * shade(q[shiny], mirror[shiny], False)
        else:
            colour = np.where((t > 15)[:, None], np.array([0.3, 0.35, 0.42]), colour)
        return colour

    picture = shade(np.broadcast_to(eye.eye, (h * w, 3)), eye.rays(h, w), True)
    rough = develop(picture.reshape(h, w, 3), 0.85).mean(-1)
    edge = np.flatnonzero(ndimage.maximum_filter(rough, 3) - ndimage.minimum_filter(rough, 3) > 0.15)
    four = np.concatenate([eye.rays(h, w, a, b)[edge] for a, b in ((0.2, 0.35), (0.65, 0.2), (0.35, 0.8), (0.8, 0.65))])
    picture[edge] = np.clip(shade(np.broadcast_to(eye.eye, four.shape), four, True), 0, 2).reshape(4, -1, 3).mean(0)
    picture = picture.reshape(h, w, 3)
    x, y = grid(h, w)
    picture = picture * (1 - 0.4 * smooth(0.55, 1.25, np.hypot((x - w / 2) / w, (y - h / 2) / h) * 1.6))[..., None]
    return develop(picture, 0.85) + 0.006 * rng.standard_normal((h, w, 1)).astype(np.float32)


def sky_above(h, w, horizon, rng, colours, lit, dark, sun=None, cover=0.2):
    """A sky with lit clouds that flatten towards the horizon, (H, W, 3) in sRGB."""
    x, y = grid(h, w)
    up = np.clip((horizon - y) / horizon, 0, 1)
    sky = ramp(1 - up, *colours)
    if sun:
        far = np.hypot(x - sun[0], (y - sun[1]) * 1.3)
        sky = sky + np.exp(-far / (0.16 * w))[..., None] * rgb(lit) * 0.55
    far_field = noise(1400, 1400, 300, rng, 7, 0.55)
    depth = 0.18 / (up + 0.1)
    u, v = 700 + (x / w - 0.5) * 900 * depth * 2, 80 + 900 * depth
    cloud = sample(far_field, u, v)
    shifted = sample(far_field, u + (0 if not sun else np.sign(sun[0] - w / 2) * 14), v + 26 * depth)
    body = smooth(cover, cover + 1.1, cloud)
    bright = np.clip(0.55 + 0.45 * (cloud - shifted) - 0.22 * (cloud - cover), 0, 1)
    return np.clip(mix(sky, ramp(bright, dark, lit), body * (0.35 + 0.6 * up**0.4)), 0, 1)


def terrain(rng, n, cell, octaves=7):
    """Eroded mountains on an (n, n) map, heights in [0, 1]: ridged noise whose detail fades in the valleys."""
    height, weight = np.zeros((n, n), np.float32), np.ones((n, n), np.float32)
    for k in range(octaves):
        layer = noise(n, n, max(cell / 2**k, 5), rng, 1)
        ridge = (1 - np.abs(layer).clip(0, 2) / 2) ** 2
        height += ridge * weight * 0.5**k
        weight = np.clip(weight * ridge * 1.5, 0, 1)
    return (height - height.min()) / (height.max() - height.min())


def landscape(height, colour, h, w, eye, focal, horizon, haze, sky, far, thick, step=0.0014):
    """Draw a height map front to back, a depth at a time: each column fills upwards where nearer land has not."""
    n = len(height)
    picture, depth = sky.copy(), np.full((h, w), np.inf, np.float32)
    top = np.full(w, h, int)
    columns, rows = np.arange(w), np.arange(h)[:, None]
    z = 6.0
    while z < far:
        x = eye[0] + (columns - w / 2) / focal * z
        zz = np.full(w, eye[2] + z)
        spot = np.clip(x, 0, n - 1), np.clip(zz, 0, n - 1)
        level = ((eye[1] - sample(height, *spot)) / z * focal + horizon).clip(0, h).astype(int)
        new = level < top
        if new.any():
            veil = 1 - np.exp(-((z / thick) ** 1.4))
            tint = sample(colour, *spot) * (1 - veil) + haze(z / far) * veil
            low, high = level[new].min(), top[new].max()
            paint_ = (rows[low:high] >= level) & (rows[low:high] < top)
            picture[low:high] = np.where(paint_[..., None], tint, picture[low:high])
            depth[low:high] = np.where(paint_, z, depth[low:high])
            top = np.minimum(top, level)
        z += max(0.5, z * step)
    return picture, depth


def sunlit(height, rise, across, reach=220):
    """Shadow map of the height field for a low sun over `across` (dx, dy) climbing `rise` per pixel."""
    n = len(height)
    x, y = grid(n, n)
    lit = np.ones((n, n), np.float32)
    for k in np.unique(np.geomspace(2, reach, 40).astype(int)):
        over = sample(height, x + across[0] * k, y + across[1] * k) - (height + rise * k)
        lit = np.minimum(lit, smooth(1.2 + 0.02 * k, -0.6, over))
    return lit


def conifer(picture, x, base, tall, rng):
    """Draw one fir with drooping ragged boughs, its left side in the sun."""
    h, w = picture.shape[:2]
    draw_dark, draw_lit = Image.new("L", (w * 2, h * 2)), Image.new("L", (w * 2, h * 2))
    dark, lit = ImageDraw.Draw(draw_dark), ImageDraw.Draw(draw_lit)
    dark.polygon(
        [(2 * x - tall * 0.02, 2 * base), (2 * x, 2 * (base - tall)), (2 * x + tall * 0.02, 2 * base)], fill=255
    )
    for s in np.linspace(0.02, 0.96, int(tall / 9)):
        y, reach = base - tall * (1 - s), tall * 0.22 * s**0.8
        for _ in range(9):
            a = rng.uniform(-1, 1)
            tip = np.array(
                [x + a * reach * rng.uniform(0.75, 1.1), y + reach * (0.3 + 0.18 * abs(a)) * rng.uniform(0.7, 1.2)]
            )
            root, thick = np.array([x, y - 0.02 * tall]), tall * 0.018 * (0.4 + s)
            for k in np.linspace(0.25, 1, 7):
                at = root + (tip - root) * k
                drop = thick * rng.uniform(0.6, 1.7) * (1.25 - 0.8 * k)
                shape = [
                    (2 * (at[0] - thick), 2 * (at[1] - thick * 0.3)),
                    (2 * (at[0] + thick), 2 * (at[1] - thick * 0.4)),
                    (2 * at[0] + rng.normal(0, thick), 2 * (at[1] + drop)),
                ]
                dark.polygon(shape, fill=255)
                if a < -0.1 and rng.random() < 0.55:
                    lit.polygon([(u, v - 1) for u, v in shape], fill=int(rng.uniform(70, 200)))
    body, sun = (np.asarray(m.resize((w, h), Image.BOX), np.float32) / 255 for m in (draw_dark, draw_lit))
    return mix(mix(picture, "#14251d", body), "#5a6b35", 0.75 * sun * body)


def mountains(rng):
    """A lake under snow peaks in morning light, forest on the slopes, everything doubled in the water."""
    h, w, n = 800, 1152, 1400
    x, y = grid(n, n)
    relief_ = terrain(rng, n, 420)
    rough = noise(n, n, 60, rng, 5)
    shore = 150 + 24 * noise(n, n, 300, rng, 4)
    side = np.abs(x - 700) - (150 + 0.16 * y)
    valley = np.minimum(smooth(250, 900, y) + 0.75 * smooth(0, 330, side), 1)
    height = relief_ * 330 * valley - 26 + 3 * rough * valley + 30 * smooth(500, 1200, y)
    lake = (height < 0) | ((side < -20 + 18 * rough) & (y < 420 + 2 * shore - 300))
    height = np.where(lake, np.minimum(height, -1), height)
    land = np.maximum(height, 0)
    gy, gx = np.gradient(blur(land, 0.8))
    normal = np.stack([-gx, np.ones_like(gx), -gy], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    sun = np.array([-0.72, 0.45, -0.35])
    light = np.clip(normal @ sun, 0, 1) * sunlit(land, 0.5, (-0.9, -0.44))
    flat = normal[..., 1]
    rock = ramp(
        np.clip(0.5 + 0.16 * rough + 0.16 * noise(n, n, 12, rng, 3) + 0.14 * noise(n, n, 5, rng, 1), 0, 1),
        lin("#2f2d38"),
        lin("#6a6262"),
        lin("#a4968a"),
    )
    grass = ramp(np.clip(0.5 + 0.3 * noise(n, n, 90, rng, 4), 0, 1), lin("#4f5f26"), lin("#8a8a3a"), lin("#a8863f"))
    ground = mix(rock, grass, smooth(0.68, 0.82, flat + 0.04 * rough) * smooth(150, 80, land + 12 * rough))
    trees = (
        smooth(0.3, 0.7, noise(n, n, 130, rng, 4) + 0.7)
        * smooth(120, 80, land + 14 * rough)
        * smooth(0.5, 0.68, flat)
        * smooth(1.5, 4, land)
    )
    spires = np.maximum(noise(n, n, 3, rng, 1), 0) * trees
    ground = mix(
        ground,
        ramp(np.clip(0.3 + 0.3 * spires + 0.15 * rough, 0, 1), lin("#12261c"), lin("#2c4a2a"), lin("#5a6a30")),
        trees,
    )
    snow = smooth(0.4, 0.56, flat + 0.08 * rough) * smooth(95, 160, land + 22 * rough)
    ground = mix(ground, lin("#f2f4fa"), snow)
    land = land + 2.6 * spires * (1 - smooth(0, 5, 5 - land))
    colour = ground * (
        light[..., None] * np.array([3.5, 2.7, 1.8]) + (0.4 + 0.6 * flat)[..., None] * np.array([0.2, 0.29, 0.5])
    )

    horizon, focal = 420, 900
    sky = sky_above(
        h, w, horizon, rng, ("#3f73b3", "#7fa9d3", "#c4d3df", "#f5d9b8"), "#fff3df", "#8a98b8", (170, 300), -0.15
    )
    haze = lambda t: lin("#9fb4d0") * (1 - t) + lin("#e8d3c0") * t  # noqa: E731
    view, depth = landscape(land, colour, h, w, (700, 22, 0), focal, horizon, haze, (sky**2.2) / 0.8, 1390, 2300)
    px, py = grid(h, w)
    z = np.where(py > horizon, 22 * focal / np.maximum(py - horizon, 0.5), np.inf)
    water = (
        (py > horizon)
        & (z < depth * 1.02 + 1)
        & (
            sample(
                (lake * 1.0),
                np.clip(700 + (px - w / 2) / focal * np.minimum(z, 1300), 0, n - 1),
                np.clip(np.minimum(z, 1300), 0, n - 1),
            )
            > 0.5
        )
    )
    wave = (
        noise(h, w, (5, 80), rng, 3)
        * np.clip((py - horizon) / 90, 0.1, 3)
        * smooth(-1.2, 1.0, noise(h, w, (60, 500), rng, 2))
    )
    mirror = sample(view, px + 0.8 * wave, np.clip(2 * horizon - py + 3 * wave + 4, 0, h - 1))
    deep = lin("#14323f") * (0.5 + 0.5 * smooth(h, horizon, py))[..., None]
    fresnel = np.clip(0.9 - 0.6 * (py - horizon) / (h - horizon), 0, 1)
    view = np.where(water[..., None], mix(deep, mirror * 0.85, fresnel), view)
    picture = develop(view, 0.62)
    for px, base, tall in table(
        "1128 830 560, 1040 815 400, 968 800 250, 1090 830 300, 24 840 430, 96 830 290, -20 830 560, 160 812 170"
    ):
        picture = conifer(picture, px, base, tall, rng)
    edge = h - 34 - 50 * np.abs((np.arange(w) - w * 0.5) / w * 2) ** 3 - 9 * noise(1, w, 90, rng, 4)[0]
    bank = smooth(-1.5, 1.5, py - edge)
    turf = np.clip(
        0.42 + 0.16 * noise(h, w, (14, 5), rng, 3) + 0.1 * noise(h, w, 60, rng, 3) - 0.3 * smooth(30, 0, py - edge),
        0,
        1,
    )
    return mix(picture, ramp(turf, "#11180f", "#2f3a1c", "#6a6a34", "#a39452"), bank)


def look(field, u, v, scale=1.0):
    """A tileable reading of a noise map at real coordinates of any size."""
    return sample(field, np.mod(u * scale, 2 * len(field) - 2), np.mod(v * scale, 2 * len(field) - 2))


def facades(u, y, seed, field, glow, walls):
    """A row of gabled houses on a wall: colour (N, 3), cover (N,), lamplight (N, 3) at `u` along, `y` up, in metres."""
    local = np.random.default_rng(seed)
    edges = np.cumsum(np.r_[-60, local.uniform(5.2, 8.4, 60)])
    k = np.clip(np.searchsorted(edges, u) - 1, 0, 58)
    wide = np.diff(edges)[k]
    s = (u - edges[k]) / wide
    floors = local.integers(3, 5, 60)[k]
    kind = local.integers(0, 3, 60)[k]
    eave = 3.1 * floors + 0.7 + local.uniform(-0.4, 0.5, 60)[k]
    across = np.abs(s - 0.5)
    step = np.floor(across * 10) / 10
    top = eave + np.select(
        [kind == 0, kind == 1], [4.6 * (1 - 2 * across) - 0.4, np.maximum(4.4 * (1 - 2 * step) - 0.5, 0.5)], 2.8
    )
    cover = smooth(0.04, -0.04, y - top)
    base = np.stack([lin(c) for c in walls])[local.integers(0, len(walls), 60)][k]
    grain = look(field, u, y, 14)
    stain = look(field, u, y * 0.35, 3)
    boards = np.where(
        local.random(60)[k] < 0.5, np.abs(np.mod(y * 4.2, 1) - 0.5) > 0.42, np.abs(np.mod(u * 4.2, 1) - 0.5) > 0.43
    )
    colour = base * (1 + 0.1 * grain + 0.13 * stain - 0.22 * boards)[:, None]
    roof = (kind == 2) & (y > eave)
    tiles = 0.8 + 0.25 * np.sin(y * 17) + 0.16 * np.sin(u * 21) + 0.12 * grain
    colour = np.where(
        roof[:, None], np.where((k % 2 == 0)[:, None], lin("#6b3024"), lin("#3d4048")) * tiles[:, None], colour
    )
    across_m = s * wide
    colour = mix(colour, colour * 0.25, smooth(0.16, 0.06, np.minimum(across_m, wide - across_m)) * 0.8)
    trim = smooth(0.2, 0.12, np.abs(y - np.where(kind == 2, eave, top - 0.16)))
    colour = mix(colour, np.broadcast_to(lin("#d9cdb4"), colour.shape), trim * 0.75)
    colour = colour * (1 - 0.45 * smooth(0.9, 0.0, np.where(kind == 2, eave, 99) - y) * (y < eave))[:, None]
    light = np.zeros_like(colour)
    level, count = np.floor((y - 0.5) / 3.1), np.where(wide > 6.8, 3, 2)
    v, bay = (y - 0.5) / 3.1 - level, np.floor(s * count)
    q = (s * count - bay - 0.5) * wide / count
    attic = level >= floors
    gable = (level == floors) & (kind < 2) & (across < 0.12)
    q = np.where(gable, (s - 0.5) * wide, q)
    inside = ((level < floors) & (y < eave - 0.4) & ~roof) | gable
    half = np.where(level == 0, 0.85, 0.5)
    vv = (v - 0.5) * 3.1
    tall = np.where(level == 0, 1.15, 0.82) * np.where(gable, 0.6, 1)
    frame = inside & (np.abs(q) < half + 0.13) & (np.abs(vv) < tall + 0.13) & ~(attic & ~gable)
    pane = frame & (np.abs(q) < half) & (np.abs(vv) < tall)
    bars = pane & ((np.abs(q) < 0.045) | (np.abs(vv - 0.25) < 0.045))
    shut = (
        inside
        & (level > 0)
        & (np.abs(np.abs(q) - half - 0.4) < 0.26)
        & (np.abs(vv) < tall)
        & (local.random(60)[k] < 0.45)
        & ~gable
    )
    slats = 0.75 + 0.3 * (np.mod(y * 9, 1) > 0.4)
    colour = np.where(
        shut[:, None], np.where((k % 3 == 0)[:, None], lin("#2a5a4a"), lin("#2f4668")) * slats[:, None], colour
    )
    colour = np.where(frame[:, None], lin("#d8d2c2"), colour)
    chance = hash2(k * 7.0 + bay, level, seed)
    on = pane & (chance < glow) & ~bars
    colour = np.where(
        (pane & ~bars)[:, None], lin("#1d2a3a") + (0.05 + 0.1 * (vv[:, None] + 0.8)) * lin("#8fa9c4"), colour
    )
    warm = np.stack([lin("#ffb24a"), lin("#ffd68a"), lin("#ff9638")])[(chance * 977).astype(int) % 3]
    light = np.where(
        on[:, None], warm * (1.6 - 0.8 * smooth(-0.6, 0.9, vv) * (chance * 31 % 1) + 0.15 * grain)[:, None], light
    )
    door = (level == 0) & (bay == k % count) & (np.abs(q) < 0.62) & (y < 2.7)
    colour = np.where(
        door[:, None],
        np.stack([lin("#5a2418"), lin("#1f3f38"), lin("#26304f")])[k % 3]
        * (0.8 + 0.3 * (np.mod(q * 3, 1) > 0.15))[:, None],
        colour,
    )
    light = np.where((door | shut)[:, None], 0, light)
    awning = (hash2(k * 1.0, 3.0, seed) < 0.5) & (np.abs(y - 3.15) < 0.42) & (across < 0.44)
    cloth = np.where(
        (np.mod(u * 1.6, 1) < 0.5)[:, None],
        lin("#e6dcc4"),
        np.where((k % 2 == 0)[:, None], lin("#9a2f28"), lin("#2f5f6f")),
    )
    colour = np.where(awning[:, None], cloth * (0.55 + 0.6 * smooth(2.7, 3.5, y))[:, None], colour)
    light = np.where(awning[:, None], 0.0, light)
    colour = (
        colour
        * (1 - 0.4 * smooth(2.75, 2.3, y) * (np.abs(y - 2.3) < 0.45) * (hash2(k * 1.0, 3.0, seed) < 0.5))[:, None]
    )
    return colour, cover, light


def boat(size, paint_, cabin, rng):
    """A fishing boat seen from the side: linear colour (H, W, 3) and cover; 12 m long, afloat at row 0.86 H."""
    h, w = size, int(size * 1.15)
    image = Image.new("RGBA", (w * 2, h * 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    X, Y = 2 * w / 12.6, 2 * h * 0.86
    at = lambda u, v: (X * (u + 0.3), Y - X * v)  # noqa: E731
    fill = lambda c, k=1.0: (*(int(min(v * k, 1) * 255) for v in rgb(c)), 255)  # noqa: E731
    line = lambda a, b, width, c="#1b1714": draw.line([at(*a), at(*b)], fill=fill(c), width=width)  # noqa: E731
    mast = 0.006 * size
    for v in np.linspace(0, 1, 14):
        line((3.1 - 0.02 * v, 1.2 + 0.5 * v), (3.1, 1.3 + 0.5 * v), 2)
    draw.polygon([at(u, v) for u, v in [(6.4, 1.2), (6.3, 2.9), (9.0, 2.9), (9.2, 1.2)]], fill=fill(cabin))
    draw.polygon([at(u, v) for u, v in [(7.8, 1.2), (7.75, 2.9), (9.0, 2.9), (9.2, 1.2)]], fill=fill(cabin, 0.7))
    draw.polygon([at(u, v) for u, v in [(6.1, 2.85), (6.15, 3.1), (9.25, 3.1), (9.2, 2.85)]], fill=fill("#3a2f2a"))
    for u in (6.6, 7.25, 8.0, 8.55):
        draw.rectangle([at(u, 2.6), at(u + 0.42, 2.05)], fill=fill("#ffcf7a") if u < 7.5 else fill("#26323d"))
    for (a, b), width in [
        (((3.2, 0.9), (3.25, 8.6)), int(5 * mast)),
        (((3.2, 2.1), (6.3, 2.6)), int(4 * mast)),
        (((9.9, 1.0), (9.95, 5.2)), int(4 * mast)),
        (((9.9, 2.1), (11.9, 2.5)), int(3 * mast)),
    ]:
        line(a, b, max(width, 2), "#5a3d26")
        line((a[0] - 0.03, a[1]), (b[0] - 0.03, b[1]), 1, "#a07a4f")
    for a, b in [
        ((3.25, 8.5), (0.1, 1.9)),
        ((3.25, 8.5), (9.95, 5.1)),
        ((3.25, 7.2), (4.6, 1.1)),
        ((3.25, 7.2), (2.1, 1.2)),
        ((9.95, 5.1), (12, 1.5)),
        ((9.95, 5.0), (8.8, 3.0)),
        ((3.25, 8.4), (6.3, 2.6)),
    ]:
        line(a, b, max(int(mast), 1), "#2a2320")
    draw.polygon(
        [at(u, v) for u, v in [(3.35, 2.15), (4.5, 2.62), (6.2, 2.75), (6.2, 2.55), (3.35, 2.05)]], fill=fill("#c9b894")
    )
    sheer = [(-0.2, 2.05), (1.5, 1.45), (4, 1.12), (7, 1.05), (10, 1.3), (12.1, 1.75)]
    keel = [(11.6, 0.3), (10.8, -0.5), (1.6, -0.5), (0.5, 0.4)]
    draw.polygon([at(u, v) for u, v in [*sheer, *keel]], fill=fill(paint_))
    for k in range(9):
        v = 0.16 * k
        pts = [(u + 0.02 * k, s - v - 0.12) for u, s in sheer]
        draw.line([at(a, b) for a, b in pts], fill=fill(paint_, 0.72 + 0.05 * (k % 2)), width=max(int(mast * 0.8), 1))
    draw.line([at(a, b) for a, b in sheer], fill=fill("#eadfc4"), width=int(6 * mast))
    draw.line([at(a, b - 0.22) for a, b in sheer], fill=fill("#2a2019"), width=int(2 * mast))
    draw.polygon([at(u, v) for u, v in [(0.62, 0.3), (11.55, 0.3), (10.8, -0.5), (1.6, -0.5)]], fill=fill("#6a2a20"))
    for u in (2.2, 5.1, 8.9, 10.6):
        draw.ellipse([at(u, 1.05), at(u + 0.4, 0.45)], fill=fill("#1d1a18"))
        draw.ellipse([at(u + 0.06, 0.98), at(u + 0.24, 0.7)], fill=fill("#4a4540"))
    pixels = np.asarray(image.resize((w, h), Image.LANCZOS), np.float32) / 255
    colour = np.maximum(pixels[..., :3], 0) ** 2.2 * (1 + 0.12 * noise(h, w, 30, rng, 4))[..., None]
    x, _ = grid(h, w)
    return colour * (0.75 + 0.5 * smooth(w, 0, x))[..., None], pixels[..., 3]


def harbour(rng):
    """An old harbour at dusk: gabled houses along the quay, fishing boats, lamplight and their reflections."""
    h, w = 800, 1152
    horizon, focal, tall = 350, 1000.0, 4.2
    field = noise(256, 256, 64, rng, 5)
    sky = (
        sky_above(
            h,
            w,
            horizon,
            rng,
            ("#22396e", "#5a6299", "#c08398", "#f0a070", "#ffcf80"),
            "#ffc795",
            "#806a92",
            (330, 345),
            0.25,
        )
        ** 2.2
    )
    hills = [noise(1, 3000, 500, rng, 5)[0], noise(1, 3000, 240, rng, 5)[0]]
    walls = ("#b5533c", "#d9b56a", "#e6dcc8", "#6f8fa0", "#c9805a", "#8f3f36", "#d8a08a", "#7f8f6a")
    fleet = []
    for x, z, size, paint_, cabin, flip in [
        (-13, 62, 1.0, "#34566f", "#d8d0bc", 1),
        (4.5, 50, 0.95, "#7a2f2a", "#cfc4a8", -1),
        (-8.5, 33, 1.0, "#2f5f55", "#e0d8c4", 1),
        (7.5, 25, 0.72, "#d9cfb8", "#8a5a3a", -1),
        (-24, 85, 1.0, "#8a6a3a", "#cfc4a8", -1),
    ]:
        fleet.append((x, z, size, flip, boat(520, paint_, cabin, rng)))
    fleet.sort(key=lambda b: -b[1])
    rows = [((30, 20), (-78, 175), 11, 3.4, 0.5), ((48, 30), (-60, 190), 29, 9.5, 0.3)]

    def trace(o, d):
        """Linear light along rays from `o` (N, 3) in direction `d` (N, 3)."""
        slope, rise = d[:, 0] / d[:, 2], d[:, 1] / d[:, 2]
        colour = sample(sky, np.clip(slope * focal + w / 2, 0, w - 1), np.clip(horizon - rise * focal, 0, h - 1))
        for k, (lift, tint) in enumerate(((0.062, "#7f6a8f"), (0.034, "#4d4a72"))):
            ridge = lift + (0.018, 0.012)[k] * sample(
                hills[k][None], np.clip(1500 + slope * 900, 0, 2999), np.zeros_like(slope)
            )
            colour = mix(
                colour,
                lin(tint) * np.array([1.0, 1, 1]) + 0.16 * lin("#ff9a60") * smooth(0.06, 0, rise)[:, None],
                smooth(0.001, -0.001, rise - ridge),
            )
        for (ax, az), (bx, bz), seed, lift, glow in rows[::-1]:
            ex, ez = bx - ax, bz - az
            long = np.hypot(ex, ez)
            ex, ez = ex / long, ez / long
            t = ((ax - o[:, 0]) * ez - (az - o[:, 2]) * ex) / (d[:, 0] * ez - d[:, 2] * ex)
            p = o + t[:, None] * d
            u, y = (p[:, 0] - ax) * ex + (p[:, 2] - az) * ez, p[:, 1]
            ok = (t > 0) & (u > -40) & (u < long)
            wall, cover, lamp = facades(u, y - lift, seed, field, glow, walls)
            lit = (
                wall
                * (
                    np.array([0.42, 0.36, 0.46])
                    + np.array([0.85, 0.42, 0.2]) * (0.45 + 0.55 * smooth(0, 14, y))[:, None]
                )
                + 1.5 * lamp
            )
            pools = (
                np.exp(-(((np.mod(u, 11) - 5.5) / 1.9) ** 2) - ((y - lift - 2.0) / 2.4) ** 2) if seed == 11 else 0 * u
            )
            lit = lit + wall * pools[:, None] * np.array([2.6, 1.5, 0.6])
            if seed == 11:  # the quay below, its stones, its lamps
                course = np.floor(y / 0.55)
                joint = (np.mod(y / 0.55, 1) < 0.1) | (np.mod(u / 1.3 + 0.5 * np.mod(course, 2), 1) < 0.05)
                stone = (
                    lin("#7a7068")
                    * (
                        0.7
                        + 0.35 * hash2(np.floor(u / 1.3 + 0.5 * np.mod(course, 2)), course)
                        + 0.12 * look(field, u, y, 18)
                    )[:, None]
                )
                stone = (
                    stone
                    * np.where(joint, 0.45, 1)[:, None]
                    * (0.3 + 0.7 * smooth(0.2, 1.4, y))[:, None]
                    * np.array([0.62, 0.5, 0.5])
                )
                lit = np.where((y < lift)[:, None], stone, lit)
                lit = mix(lit, lin("#b5a690") * 0.7 + 0 * lit, smooth(0.25, 0.2, np.abs(y - lift + 0.2)))
                near = np.mod(u, 11) - 5.5
                post = (np.abs(near) < 0.07) & (y > lift) & (y < lift + 4)
                lit = np.where(post[:, None], 0.01, lit)
                bulb = np.exp(-((np.hypot(near, y - lift - 4.15) / 0.28) ** 2))
                halo = np.exp(-np.hypot(near, y - lift - 4.15) / 0.8)
                lit = lit + (6 * bulb + 0.5 * halo)[:, None] * np.array([1.0, 0.72, 0.36])
            far = 1 - np.exp(-np.maximum(t, 0) / 420)
            lit = lit * (1 - far)[:, None] + far[:, None] * lin("#a5889a") * 0.8
            colour = mix(colour, lit, np.where(ok, cover, 0))
        for bx, bz, size, flip, (skin, alpha) in fleet:
            t = (bz - o[:, 2]) / d[:, 2]
            p = o + t[:, None] * d
            rows_, columns = alpha.shape
            metre = columns / 12.6 / size
            u, v = columns / 2 + flip * (p[:, 0] - bx) * metre, rows_ * 0.86 - p[:, 1] * metre
            ok = (t > 0) & (u > 0) & (u < columns - 1) & (v > 0) & (v < rows_ - 1)
            index = np.flatnonzero(ok)
            a = sample(alpha, u[index], v[index])
            tone = sample(skin, u[index], v[index]) * np.array([1.15, 0.82, 0.78])
            colour[index] = mix(colour[index], tone, a)
        return colour

    x, y = grid(h, w)
    d = np.stack([(x - w / 2) / focal, (horizon - y) / focal, np.ones_like(x)], -1).reshape(-1, 3)
    eye = np.array([0, tall, 0], np.float32)
    picture = trace(np.broadcast_to(eye, d.shape), d)
    wet = np.flatnonzero(d[:, 1] < -0.006)
    t = -tall / d[wet, 1]
    p = eye + t[:, None] * d[wet]
    ripples = noise(900, 900, 90, rng, 6, 0.62)
    swell = lambda s, ox: sample(ripples, np.mod(p[:, 0] * s + ox, 1700), np.mod(p[:, 2] * s * 2.4, 1700))  # noqa: E731
    calm = 0.35 + 0.65 * smooth(-0.8, 0.9, sample(ripples, np.mod(p[:, 0] * 3 + 400, 1700), np.mod(p[:, 2] * 6, 1700)))
    n = np.stack([0.012 * swell(26, 0) * calm, np.ones_like(t), 0.035 * swell(26, 450) * calm], 1)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    ray = d[wet] / np.linalg.norm(d[wet], axis=1, keepdims=True)
    facing = np.clip(-(ray * n).sum(1), 0, 1)
    up = ray + 2 * facing[:, None] * n
    up[:, 1], up[:, 2] = np.maximum(up[:, 1], 0.004), np.maximum(up[:, 2], 0.2)
    glint = trace(p * [1, 0, 1] + [0, 0.001, 0], up)
    fresnel = (0.1 + 0.9 * (1 - facing) ** 3.2).clip(0, 1)[:, None]
    water = glint * fresnel * 0.92 + lin("#12303f") * (1 - fresnel) * 0.7
    # Where the quay or a hull is nearer than the water, the first trace stands.
    ax, az, bx, bz = 30, 20, -78, 175
    long = np.hypot(bx - ax, bz - az)
    ex, ez = (bx - ax) / long, (bz - az) / long
    reach = (ax * ez - az * ex) / (d[wet, 0] * ez - d[wet, 2] * ex)
    dry = (reach > 0) & (reach < t)
    for bx, bz, size, flip, (_, alpha) in fleet:
        q = eye + bz * d[wet]
        rows_, columns = alpha.shape
        metre = columns / 12.6 / size
        u, v = columns / 2 + flip * (q[:, 0] - bx) * metre, rows_ * 0.86 - q[:, 1] * metre
        inside = (u > 0) & (u < columns - 1) & (v > 0) & (v < rows_ - 1) & (bz < t)
        inside[inside] = sample(alpha, u[inside], v[inside]) > 0.5
        dry |= inside
    picture[wet[~dry]] = water[~dry]
    picture = picture.reshape(h, w, 3)
    bloom = blur(np.maximum(picture - 0.9, 0), 7) + 0.5 * blur(np.maximum(picture - 0.9, 0), 22)
    return develop(picture + 0.7 * bloom, 1.05)


def city(rng):
    """A narrow street after rain in the last light: gabled houses, shop windows, wet cobbles and a church tower."""
    h, w = 1080, 820
    horizon, focal, eye = 600, 760.0, np.array([0.7, 1.75, 0], np.float32)
    field = noise(256, 256, 64, rng, 5)
    sky = (
        sky_above(
            h,
            w,
            horizon,
            rng,
            ("#3d5f96", "#7f93b8", "#d9b3a8", "#f6c98f", "#ffdf9f"),
            "#fff0d0",
            "#7d7f9c",
            (430, 560),
            -0.1,
        )
        ** 2.2
    )
    walls = ("#c98f5a", "#d9c08a", "#b5695a", "#e0d2b8", "#8f9a98", "#a8754a", "#c9a890")
    people = [
        (-1.9, 13, 1.75, "#7a2420", "#c83a2a"),
        (-1.2, 13.4, 1.7, "#20242e", None),
        (1.6, 21, 1.7, "#26303a", "#2f5f8a"),
        (-0.6, 34, 1.7, "#3a2a20", None),
        (0.6, 46, 1.7, "#1f2028", "#8a6a2a"),
        (3.3, 16, 1.65, "#4a3a2a", None),
    ]

    def street(o, d):
        slope, rise = d[:, 0] / d[:, 2], d[:, 1] / d[:, 2]
        colour = sample(sky, np.clip(slope * focal + w / 2, 0, w - 1), np.clip(horizon - rise * focal, 0, h - 1))
        end = 150.0  # the tower that closes the view
        x, y = o[:, 0] + slope * end + 7, o[:, 1] + rise * end
        tower = (
            (np.abs(x) < 5.5) & (y < 36)
            | (np.abs(x) < 4.6) & (y < 46)
            | (y < 66 - 4.2 * np.abs(x)) & (y > 40) & (np.abs(x) < 6)
            | (np.abs(x) < 0.3) & (y < 70)
        )
        clock = np.hypot(x, y - 31)
        arch = (np.abs(np.abs(x) - 1.9) < 0.8) & (y > 37.5) & (y < 43)
        brick = (
            lin("#a8876a")
            * (0.75 + 0.35 * smooth(3, -5, x) + 0.1 * look(field, x, y, 3))[:, None]
            * np.where(np.abs(np.mod(y, 9) - 4) > 3.7, 1.25, 1)[:, None]
        )
        brick = np.where((y > 46)[:, None], lin("#4f7368") * (0.8 + 0.3 * smooth(2, -3, x))[:, None], brick)
        brick = np.where(
            (
                (clock < 2.5)
                & (clock > 0.25)
                & ~((np.abs(x) < 0.2) & (y > 31) & (y < 33))
                & ~((np.abs(y - 31) < 0.2) & (x > 0) & (x < 1.5))
            )[:, None],
            lin("#fff0c8"),
            brick,
        )
        brick = np.where(arch[:, None], lin("#3a3438"), brick)
        haze = lin("#f0c49a")
        colour = np.where(tower[:, None], 0.5 * brick + 0.42 * haze, colour)
        low = (y < 9 + 3 * np.abs(np.mod(x / 9, 1) - 0.5)) & ~tower
        colour = np.where(low[:, None], 0.28 * lin("#8a6a5f") + 0.6 * haze, colour)
        for side, at, seed in ((-1, -5.4, 41), (1, 5.6, 7)):
            t = (at - o[:, 0]) / np.where(d[:, 0] * side > 1e-6, d[:, 0], np.nan)
            t = np.nan_to_num(t, nan=-1.0)
            u, v = o[:, 2] + t * d[:, 2], o[:, 1] + t * d[:, 1]
            ok = (t > 0) & (u < 140) & (v > -0.05)
            wall, cover, lamp = facades(u - 9, v, seed, field, 0.33, walls)
            sun = smooth(9, 13, v + 0.02 * u) if side > 0 else 0.12 * smooth(6, 14, v)
            lit = (
                wall
                * (
                    np.array([0.5, 0.53, 0.68]) * (0.55 + 0.6 * smooth(0, 13, v))[:, None]
                    + sun[:, None] * np.array([1.9, 1.1, 0.55])
                    if side > 0
                    else np.array([0.5, 0.53, 0.7]) * (0.5 + 0.6 * smooth(0, 13, v))[:, None] + 0 * wall
                )
                + 1.25 * lamp
            )
            plinth = smooth(0.5, 0.45, v)
            lit = mix(lit, lin("#4a4540") * (0.8 + 0.2 * look(field, u, v, 20))[:, None], plinth * 0.9)
            near = np.mod(u, 13) - 6.5
            glow = np.exp(-np.hypot(near, (v - 3.5) * 0.9) / 1.2)
            lit = lit + wall * glow[:, None] * np.array([2.4, 1.4, 0.55])
            lantern = (np.abs(near) < 0.17) & (np.abs(v - 3.6) < 0.28)
            lit = np.where(lantern[:, None], np.array([5.0, 3.4, 1.6]), lit)
            lit = lit + (0.8 * np.exp(-np.hypot(near, v - 3.6) / 0.35))[:, None] * np.array([1.0, 0.65, 0.3])
            sign = (np.mod(u, 17.5) < 0.12 + 1.0) & (np.abs(v - 4.6) < 0.5)
            lit = np.where(
                sign[:, None], np.where((np.abs(v - 4.6) < 0.36)[:, None], lin("#1f4a44"), lin("#d9b46a")), lit
            )
            veil = 1 - np.exp(-((np.maximum(u, 0) / 150) ** 1.5))
            lit = lit * (1 - veil)[:, None] + veil[:, None] * haze * 0.82
            colour = mix(colour, lit, np.where(ok, cover, 0))
        for px, pz, tall, coat, brolly in sorted(people, key=lambda q: -q[1]):
            t = (pz - o[:, 2]) / d[:, 2]
            x, y = (o[:, 0] + t * d[:, 0] - px) / tall, (o[:, 1] + t * d[:, 1]) / tall
            legs = (np.abs(np.abs(x) - 0.055 - 0.05 * (0.45 - y)) < 0.045) & (y > 0) & (y < 0.5)
            body = np.abs(x) < np.interp(y, [0.3, 0.45, 0.62, 0.78, 0.83], [0.19, 0.15, 0.12, 0.15, 0.05])
            body &= (y > 0.3) & (y < 0.83)
            head = np.hypot(x, (y - 0.915) * 0.85) < 0.062
            shade = (0.75 + 1.4 * np.clip(x * 4, -0.15, 0.5))[:, None]
            colour = np.where(legs[:, None] & (t > 0)[:, None], 0.012, colour)
            colour = np.where((body & (t > 0))[:, None], lin(coat) * shade, colour)
            colour = np.where((head & (t > 0))[:, None], (lin("#8a5a40") if y.size else 0) * shade * 0.6, colour)
            if brolly:
                dome = (np.hypot(x - 0.08, (y - 0.98) * 1.25) < 0.42) & (y > 0.98 + 0.03 * np.cos((x - 0.08) * 37))
                ribs = 0.7 + 0.35 * np.abs(np.cos(np.arctan2(y - 0.9, x - 0.08) * 4.5)) + 0.5 * np.clip(x, 0, 1)
                stick = (np.abs(x - 0.08) < 0.008) & (y > 0.6) & (y < 1.05)
                colour = np.where((stick & (t > 0))[:, None], 0.01, colour)
                colour = np.where((dome & (t > 0))[:, None], lin(brolly) * ribs[:, None], colour)
        return colour

    x, y = grid(h, w)
    d = np.stack([(x - w / 2) / focal, (horizon - y) / focal, np.ones_like(x)], -1).reshape(-1, 3)
    picture = street(np.broadcast_to(eye, d.shape), d)
    down = np.flatnonzero(d[:, 1] < -0.008)
    t = -eye[1] / d[down, 1]
    p = eye + t[:, None] * d[down]
    on_road = (p[:, 0] > -5.4) & (p[:, 0] < 5.6)
    down, t, p = down[on_road], t[on_road], p[on_road]
    pave = (p[:, 0] < -3.6) | (p[:, 0] > 3.8)
    bow = p[:, 2] / 0.2 - 0.05 * p[:, 0] ** 2
    row = np.floor(bow)
    across = p[:, 0] / 0.24 + 0.5 * np.mod(row, 2) + 0.3 * hash2(row)
    gap = np.minimum(np.abs(np.mod(bow, 1) - 0.5), 10), np.abs(np.mod(across, 1) - 0.5)
    dome = np.clip(1 - (gap[0] * 2) ** 4, 0, 1) * np.clip(1 - (gap[1] * 2) ** 4, 0, 1)
    fine = np.exp(-t / 22)  # too far for single stones
    tone = 0.65 + 0.5 * hash2(row, np.floor(across))
    stone = lin("#6a6668") * (tone * (0.3 + 0.7 * dome) * fine + 0.7 * (1 - fine))[:, None]
    slab = (np.abs(np.mod(p[:, 2] / 1.1, 1) - 0.5) > 0.485) | (np.abs(np.mod(p[:, 0] / 0.9, 1) - 0.5) > 0.485)
    stone = np.where(pave[:, None], lin("#8a827c") * np.where(slab, 0.5, 0.95)[:, None], stone)
    kerb = np.minimum(np.abs(p[:, 0] + 3.6), np.abs(p[:, 0] - 3.8))
    stone = mix(stone, lin("#b0a698"), smooth(0.16, 0.13, kerb) * 0.8)
    puddle = smooth(-0.1, 0.7, look(field, p[:, 0], p[:, 2] * 0.5, 22) + 0.5 * look(field, p[:, 0] + 90, p[:, 2], 60))
    rough = 0.05 * (1 - 0.9 * puddle) * np.where(pave, 0.35, 1)
    tilt_x, tilt_z = rough * (np.mod(across, 1) - 0.5) * fine * 2, rough * (np.mod(bow, 1) - 0.5) * fine * 2
    jitter = 0.012 * (1 - puddle) + 0.003
    total = 0
    for _ in range(3):
        n = np.stack(
            [
                tilt_x + jitter * rng.standard_normal(len(t)),
                np.ones_like(t),
                tilt_z + 2 * jitter * rng.standard_normal(len(t)),
            ],
            1,
        )
        n /= np.linalg.norm(n, axis=1, keepdims=True)
        ray = d[down] / np.linalg.norm(d[down], axis=1, keepdims=True)
        facing = np.clip(-(ray * n).sum(1), 0, 1)
        up = ray + 2 * facing[:, None] * n
        up[:, 1], up[:, 2] = np.maximum(up[:, 1], 0.003), np.maximum(up[:, 2], 0.1)
        total = total + np.minimum(street(p * [1, 0, 1] + [0, 0.001, 0], up), 3) / 3
    shine = (
        (0.06 + 0.94 * (1 - facing) ** 4)[:, None] * (0.45 + 0.55 * puddle)[:, None] * np.where(pave, 0.6, 1)[:, None]
    )
    feet = np.ones_like(t)
    for px, pz, *_ in people:
        feet *= 1 - 0.6 * np.exp(-(((p[:, 0] - px) / 0.35) ** 2) - ((p[:, 2] - pz) / 0.5) ** 2)
    ground = stone * np.array([0.42, 0.42, 0.5]) * feet[:, None] + total * shine
    blocked = np.zeros(len(t), bool)
    for px, pz, tall, *_ in people:
        qx, qy = (eye[0] + pz * d[down, 0] - px) / tall, (eye[1] + pz * d[down, 1]) / tall
        blocked |= (pz < t) & (qy > 0) & (np.abs(qx) < np.where(qy > 0.3, 0.17, 0.13)) & (qy < 0.97)
    picture[down[~blocked]] = ground[~blocked]
    picture = picture.reshape(h, w, 3)
    bloom = blur(np.maximum(picture - 1, 0), 6) + 0.6 * blur(np.maximum(picture - 1, 0), 24)
    return develop(picture + 0.6 * bloom, 0.95)


PAINTERS = {f.__name__: f for f in (city, harbour, mountains, still_life)}
