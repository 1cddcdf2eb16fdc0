"""The style pictures: ten manners of painting, each made of strokes, tiles, dots, dyes or lines rather than filters.

Every painter takes a random generator and returns a picture (H, W, 3) at about twice the size it is saved at.
`python data/make_pictures.py marbled mosaic` repaints two of them.
"""

import numpy as np
from brushes import (
    Camera,
    Oil,
    ball,
    blur,
    box,
    crevices,
    curve,
    disc,
    grid,
    march,
    mix,
    noise,
    normals,
    outline,
    paper,
    polygon,
    ramp,
    relief,
    resize,
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
from scipy.spatial import cKDTree

# Oil ------------------------------------------------------------------------------------------------------------------


def brushstrokes(rng):
    """Thick oil laid in long swirling strokes: a wheat field, cypresses and a turning sky."""
    h, w = 760, 960
    x, y = grid(h, w)
    sun, whirls = (690, 175), [(300, 150, 120, 1), (500, 300, 90, -1), (880, 330, 80, 1), (95, 320, 90, -1)]
    vx, vy = np.full((h, w), 1.0), 0.35 * np.sin(x / 120 + y / 70)
    for cx, cy, r, turn in [(*sun, 130, 1), *whirls]:
        pull = 2.6 * np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / (1.5 * r * r)))
        d = np.hypot(x - cx, y - cy) + 1e-3
        vx, vy = vx - turn * pull * (y - cy) / d, vy + turn * pull * (x - cx) / d
    flow = np.arctan2(vy, vx)
    streak = noise(h, w, 60, rng, 3)
    for _ in range(14):  # drag the noise along the flow, so that neighbouring strokes agree in colour
        streak = (streak + sample(streak, x + 5 * np.cos(flow), y + 5 * np.sin(flow))) / 2
    t = np.clip(0.5 + 0.2 * streak / streak.std() - 0.0009 * (y - 200), 0, 1)
    scene = ramp(t, "#16255f", "#1f3f92", "#2f6db8", "#5ba3c9", "#9fd0cf", "#e8ecc4")
    far = np.hypot(x - sun[0], y - sun[1])
    ring = 0.5 + 0.5 * np.cos(far / 13)
    halo = np.clip(1.15 - far / 190, 0, 1)
    scene = mix(scene, ramp(ring, "#f2c12e", "#f7e9a0"), np.clip(halo * (0.55 + 0.45 * ring), 0, 1))
    scene = mix(scene, "#fff3b0", smooth(50, 40, far))
    scene = mix(scene, "#f08a1d", smooth(8, 2, np.abs(far - 47)) * 0.8)
    for cx, cy, r, _ in whirls:
        d = np.hypot(x - cx, y - cy)
        scene = mix(scene, ramp(0.5 + 0.5 * np.sin(d / 9), "#cfe3dc", "#3a78bd"), 0.7 * smooth(r, r * 0.2, d))

    angle = flow.copy()

    def land(mask, colours, direction, cell):
        nonlocal scene, angle
        tone = np.clip(0.5 + 0.3 * noise(h, w, cell, rng, 3), 0, 1)
        scene, angle = mix(scene, ramp(tone, *colours), mask), np.where(mask > 0.5, direction, angle)

    ridge = 455 + 30 * np.sin(x / 130 + 1) + 14 * np.sin(x / 41)
    land(
        smooth(0, 3, y - ridge),
        ("#1d2a5e", "#30508f", "#5b7fae", "#6b5a9a"),
        np.arctan2(np.cos(x / 130 + 1) * 0.25, 1) + 0.5,
        40,
    )
    ridge2 = 500 + 22 * np.sin(x / 170 + 4) + 8 * np.sin(x / 60)
    land(smooth(0, 3, y - ridge2), ("#14463f", "#2f7350", "#6c9a4c", "#a9b85a"), 0.3 * np.sin(x / 90), 35)
    field = 545 + 10 * np.sin(x / 200)
    wheat = np.arctan2(-1.0, 0.9 * np.sin(x / 150 + y / 90) + (x - 420) / 520)
    land(smooth(0, 3, y - field), ("#8a5a12", "#c98a1b", "#e9b62f", "#f6dc6a", "#d9932a"), wheat, (26, 60))
    middle = 440 + 90 * np.sin((y - 540) / 70)
    path = smooth(4, 0, np.abs(x - middle) - (6 + (y - field) * 0.22)) * (y > field)
    land(path, ("#7a4a55", "#b8806f", "#dcb398", "#8f6a9a"), np.pi / 2 - 0.9 * np.cos((y - 540) / 70), 25)
    poppy = (noise(h, w, 16, rng, 2) > 1.5) & (y > field + 20) & (path < 0.3)
    scene[poppy] = rgb("#c8301e")
    for left, right, top, base, colour in [(590, 668, 478, 532, "#e9dcc0"), (668, 712, 484, 530, "#9d8fae")]:
        house = polygon(h, w, [(left, base), (left, top + 10), (right, top + 10), (right, base)])
        land(house, (colour, colour), np.pi / 2 + 0 * x, 30)
    home = (x > 575) & (x < 725) & (y > 450) & (y < 534)
    roof = polygon(h, w, [(580, 492), (610, 456), (690, 456), (722, 494), (668, 494)])
    land(roof, ("#a8321f", "#d9602c"), 0.5 + 0 * x, 20)
    land(polygon(h, w, [(622, 532), (622, 506), (638, 506), (638, 532)]), ("#2b3a6b", "#2b3a6b"), np.pi / 2 + 0 * x, 30)
    for cx, foot, tall, wide in [(175, 640, 560, 58), (265, 620, 380, 40)]:
        s = np.clip((foot - y) / tall, 0, 1)
        edge = wide * (s**0.35) * (1 - s) ** 0.6 * (1.25 + 0.22 * np.sin(s * 22 + cx)) * 1.15
        off = x - cx - 14 * np.sin(s * 7 + cx)
        land(
            smooth(2, -2, np.abs(off) - edge) * (y < foot),
            ("#0c1f1f", "#12382c", "#2c5a33", "#5a6f2c", "#1d2a4a"),
            np.arctan2(-1.0, 0.45 * np.sin(s * 22 + cx) - off / wide * 0.6),
            (50, 14),
        )

    oil = Oil(ramp(0.5 + 0.2 * noise(h, w, 30, rng), "#5b3a22", "#a8763e"), rng)
    oil.along(scene, angle, 13, 70, 17, hue=0.05)
    oil.along(scene, angle, 9, 48, 10, hue=0.07)
    detail = np.clip(np.hypot(*np.gradient(blur(scene.mean(-1), 2))) * 26, 0.28, 1)
    oil.along(scene, angle, 6.5, 27, 6.5, hue=0.09, where=detail)
    oil.along(scene, angle, 5, 17, 5, hue=0.07, where=1.0 * home)
    return oil.finish(1.1, 0.3)


# Glass and stone ------------------------------------------------------------------------------------------------------


def voronoi(h, w, n, rng, stretch=1.0):
    """Cells about `n` random sites, (H, W) of whole numbers; `stretch` above 1 makes them lie down."""
    x, y = grid(h, w)
    sites = rng.uniform(0, 1, (n, 2)) * (w / stretch, h)
    return cKDTree(sites).query(np.stack([x.ravel() / stretch, y.ravel()], 1))[1].reshape(h, w)


def stained_glass(rng):
    """Leaded window: panes of streaky coloured glass lit from behind, black cames between them."""
    h, w = 1280, 960
    x, y = grid(h, w)
    label, tint, count = np.zeros((h, w), int), np.zeros((h, w, 3), np.float32), 1
    cx, cy = 560, 360

    def panes(mask, cells, colours, spread=0.12):
        nonlocal count, label
        for cell in np.unique(cells[mask]):
            here = mask & (cells == cell)
            t = rng.random()
            label[here], count = count, count + 1
            tint[here] = np.clip(
                ramp(np.array(t), *colours) * (1 + rng.normal(0, spread)) + rng.normal(0, 0.02, 3), 0, 1
            )

    bend = 26 * noise(h, w, 260, rng, 2)
    far, around = np.hypot(x - cx, y - cy), np.arctan2(y - cy, x - cx) + 0.25 * np.sin(np.hypot(x - cx, y - cy) / 95)
    bands = np.searchsorted([88, 150, 235, 340, 470, 640, 830], far + 0.35 * bend)
    ray = np.floor((around + np.pi) / (2 * np.pi) * np.where(bands < 2, 12, np.where(bands < 4, 20, 28))).astype(int)
    sky = bands * 100 + ray
    panes(y > -1, sky, ("#12307e", "#1e58b4", "#2f86cf", "#6fbbe0", "#2a3f9e"))
    panes(bands == 3, sky, ("#f6b443", "#ef7d52", "#f5cf7a", "#d9577a"))
    panes(bands == 2, sky, ("#f9c93c", "#f59a2b", "#fbe27c"))
    panes(bands == 1, sky, ("#fbe68a", "#f7c52e", "#f3a71f"))
    panes(bands == 0, bands + 0 * ray, ("#fff6c8", "#fff0b0"))
    hill = 690 + 60 * np.sin(x / 190 + 0.6)
    panes(y > hill, (voronoi(h, w, 60, rng, 2.2)), ("#5a2f86", "#7b4aa8", "#3d3f9c", "#a36bb8"))
    hill = 790 + 70 * np.sin(x / 230 + 2.6)
    panes(
        y > hill,
        np.floor((y - hill) / 62).astype(int) * 50 + np.floor((x + 0.6 * y) / 120).astype(int),
        ("#1b6b3a", "#3f9a4a", "#8cc152", "#c8d65a", "#17574f"),
    )
    river = np.abs(x - 520 - 150 * np.sin((y - 800) / 110)) < 26 + (y - 800) * 0.3
    panes(
        river & (y > hill),
        np.floor((y + 25 * np.sin(x / 60)) / 44).astype(int),
        ("#8fd4e8", "#3fa7d6", "#1f6fb8", "#d4f0f2"),
    )
    bank = 1105 + 40 * np.sin(x / 140 + 1.2)
    panes(y > bank, voronoi(h, w, 110, rng, 1.4), ("#0f4f3c", "#1f7a44", "#56a043", "#0b3b46"))
    trunk = np.abs(x - 210 - 45 * np.sin((y - 300) / 190)) < 24 + 40 * smooth(900, 1240, y)
    panes(
        trunk & (y > 330),
        np.floor((y + 20 * np.sin(x / 14)) / 92).astype(int),
        ("#6b3a1e", "#8f5426", "#4a2718", "#a86a35"),
    )
    for a, b, c in [
        ((205, 560), (330, 470), (420, 455)),
        ((225, 720), (110, 620), (70, 520)),
        ((190, 450), (150, 350), (90, 300)),
    ]:
        p = curve(a, b, c, n=30)
        wide = np.linspace(17, 7, 30)[:, None]
        d = np.gradient(p, axis=0)
        side = np.stack([-d[:, 1], d[:, 0]], 1) / np.linalg.norm(d, axis=1, keepdims=True) * wide
        limb = polygon(h, w, np.vstack([p + side, (p - side)[::-1]]), 1) > 0.5
        panes(limb, (x // 100).astype(int), ("#6b3a1e", "#8f5426"))

    def leaf(px, py, a, size, fat, colours):
        s = np.linspace(0, 1, 24)
        width = size * fat * np.sin(np.pi * s**0.8) * (1 - 0.2 * s)
        u, v = (
            np.r_[s * size, s[::-1] * size],
            np.r_[width, -width[::-1]] + 0.1 * size * np.sin(np.pi * np.r_[s, s[::-1]]),
        )
        points = np.stack([px + u * np.cos(a) - v * np.sin(a), py + u * np.sin(a) + v * np.cos(a)], 1)
        side = (np.cos(a) * (y - py) - np.sin(a) * (x - px) > 0.1 * size).astype(int)
        panes(polygon(h, w, points, 1) > 0.5, side, colours)

    greens, autumn = (
        ("#2f9a3f", "#a4cf3f", "#0f6b4a", "#e0d84a"),
        ("#d7263d", "#f46036", "#f9a03f", "#a4161a", "#f9d23f"),
    )
    crown = table(
        "215 250, 120 240, 320 400, 410 440, 70 470, 60 330, 250 420, 130 400, 300 300, 190 560, "
        "90 590, 370 540, 270 190, 160 150, 60 190"
    )
    for px, py in crown:
        for a in rng.uniform(0, 6.28) + np.arange(3) * 2.09 + rng.normal(0, 0.3, 3):
            leaf(px, py, a, rng.uniform(78, 112), 0.25, autumn if rng.random() < 0.8 else greens)
    for px, py, size in [(700, 1010, 1.15), (840, 900, 0.95), (420, 1150, 0.8)]:
        stem = curve((px, py), (px + 20, (py + 1260) / 2), (px - 25, 1260), n=30)
        panes(
            polygon(h, w, np.vstack([np.add(stem, (9, 0)), np.add(stem, (-9, 0))[::-1]]), 1) > 0.5,
            (y // 130).astype(int),
            greens,
        )
        leaf(px + 5, py + 190, -0.7, 170 * size, 0.15, greens)
        leaf(px, py + 210, -2.3, 160 * size, 0.16, greens)
        for a in (-2.7, -0.45, -2.1, -1.05, -1.57):
            leaf(px, py + 10, a, 140 * size, 0.24, ("#fdf0f3", "#f4a6c0", "#e0457b", "#fbd3dd"))
        leaf(px, py + 30, -1.57, 55 * size, 0.3, ("#f9c93c", "#f59a2b"))
    frame = np.minimum(np.minimum(x, w - 1 - x), np.minimum(y, h - 1 - y))
    run = np.where((x < 58) | (x > w - 59), y, x)
    panes(
        frame < 56,
        np.floor(run / 80).astype(int) * 4
        + (x < 58)
        + 2 * (y < 58)
        + 200 * ((x > w - 59) + 2.0 * (y > h - 59)).astype(int),
        ("#b81d3a", "#1f4fa8", "#0e7a5a", "#f0b429", "#6b2a86"),
    )
    panes(
        (frame >= 56) & (frame < 74),
        np.floor(run / 160).astype(int) + 40 * (x > w / 2) + 100 * (y > h / 2),
        ("#f3e3b0", "#f8efd0"),
    )

    edge = ndimage.maximum_filter(label, 3) != ndimage.minimum_filter(label, 3)
    d = ndimage.distance_transform_edt(~edge)
    thick = 5.2 + 0.7 * noise(h, w, 50, rng, 2)
    streaks = noise(h, w, (90, 260), rng, 5)
    swirl = sample(streaks, x + 30 * noise(h, w, 120, rng, 2), y + 50 * noise(h, w, 120, rng, 2))
    seeds = np.maximum(noise(h, w, 7, rng, 1) - 2.4, 0)
    light = 1.06 + 0.17 * swirl + 0.05 * noise(h, w, 14, rng, 2) + 0.25 * seeds - 0.34 * np.exp(-d / 15)
    light *= 0.78 + 0.42 * np.exp(-((far / 620) ** 2))
    glass = np.clip(tint ** (1.15 - 0.12 * np.clip(swirl, -2, 2))[..., None] * light[..., None], 0, 1)
    glow = blur(glass * (d > thick)[..., None], 16)
    came = np.clip((thick - d + 0.5) / 1.4, 0, 1)
    round_ = np.sqrt(np.clip(1 - (d / thick) ** 2, 0, 1))
    lead = relief(np.full((h, w, 3), rgb("#24242a")), blur(round_ * thick, 1) + 0.5 * noise(h, w, 6, rng, 2), 0.5, 0.3)
    return np.clip(mix(glass, lead, came) + 0.2 * glow**1.3, 0, 1)


def tiles(angle, n, rng, rounds=14):
    """Square stones laid along `angle`: Lloyd's relaxation in a turned chessboard distance; cells, seam, sites."""
    h, w = angle.shape
    x, y = grid(h, w)
    points = np.stack([x.ravel(), y.ravel()], 1)
    a = angle.ravel()
    c, s = np.cos(a), np.sin(a)
    sites = rng.uniform(0, 1, (n, 2)) * (w, h)
    for k in range(rounds + 1):
        sub = slice(None, None, 1 if k == rounds else 3)
        near = cKDTree(sites).query(points[sub], 7)[1]
        dx, dy = points[sub, :1] - sites[near, 0], points[sub, 1:] - sites[near, 1]
        cc, ss = c[sub, None], s[sub, None]
        reach = np.maximum(np.abs(dx * cc + dy * ss), np.abs(dy * cc - dx * ss))
        best = reach.argmin(1)
        own = near[np.arange(len(near)), best]
        if k < rounds:
            size = np.maximum(np.bincount(own, minlength=n), 1)
            sites = np.stack([np.bincount(own, points[sub, i], n) / size for i in (0, 1)], 1)
    two = np.partition(reach, 1, axis=1)
    return own.reshape(h, w), (two[:, 1] - two[:, 0]).reshape(h, w), sites


def mosaic(rng):
    """Roman mosaic: small stones that follow the outlines, set in grey mortar: two fish in a turning sea."""
    h = w = 900
    x, y = grid(h, w)
    dx, dy = x - w / 2, y - h / 2
    far = np.hypot(dx, dy)
    ground = 0 * x
    swirl = 0.5 + 0.5 * np.sin(far / 21 + 3 * np.arctan2(dy, dx))
    scene = ramp(0.75 * swirl + 0.1 * noise(h, w, 60, rng), "#123b5c", "#1c6f87", "#49a7a1", "#a9d3bd", "#e8e3c6")
    shapes = [smooth(0, 1, 352 - far)]
    for turn in (0, np.pi):
        c, s = np.cos(turn), np.sin(turn)
        u, v = dx * c + dy * s, dy * c - dx * s
        r, t = np.hypot(u, v + 0), np.arctan2(v, u)
        along = (t + 2.75) / 2.35  # 0 at the nose, 1 at the root of the tail, on a ring of radius 205
        across = r - 205 + 26 * np.sin(along * 3.1)
        body = np.abs(across) - 82 * np.clip(np.sin(np.pi * np.clip(along, 0, 1) ** 0.62), 0, 1) ** 0.8
        body = np.where((along > 0) & (along < 1), body, 50)
        fan = (along - 0.93) / 0.26
        tail = (
            np.abs(across)
            - (14 + 82 * fan)
            + 70 * np.clip(fan - 0.55, 0, 1) * (1 - np.minimum(np.abs(across) / 60, 1)) * 2
        )
        tail = np.where((fan > 0) & (fan < 1), tail, 50)
        fin = np.where(
            (along > 0.32) & (along < 0.72),
            np.abs(across - 62) - 52 * np.sin(np.clip((along - 0.32) / 0.4, 0, 1) * np.pi) ** 0.7,
            50,
        )
        scales = 0.5 + 0.5 * np.cos(along * 44 + 2.2 * np.cos(across / 9.5))
        hide = ramp(
            np.clip(0.55 - across / 150 + 0.35 * (scales - 0.5), 0, 1),
            "#8f1f1a",
            "#c8451f",
            "#e88b2a",
            "#f4c95a",
            "#fbeec2",
        )
        for mask, paint_ in (
            (fin, ramp(0.5 + 0.5 * np.sin(along * 70), "#7a1c22", "#d9622b")),
            (tail, ramp(0.5 + 0.5 * np.sin(across / 6), "#9a231d", "#f0a63a")),
        ):
            scene = mix(scene, paint_, smooth(2, -2, mask))
        scene = mix(scene, hide, smooth(2, -2, body))
        scene = mix(scene, "#2a1418", smooth(6, 4, np.abs(body + 2)) * (body > -20))
        scene = mix(scene, "#f6e7c0", smooth(2, -2, np.abs(along - 0.27) * 420 - 9) * (body < -2))
        eye = np.hypot((along - 0.16) * 420, across + 18)
        scene = mix(
            mix(mix(scene, "#2a1714", smooth(26, 24, eye)), "#fbf4dc", smooth(20, 18, eye)),
            "#161216",
            smooth(10, 8, eye),
        )
        whole = np.minimum(np.minimum(body, tail), fin)
        scene = mix(scene, "#2a1418", smooth(6.5, 4.5, np.abs(whole)))
        shapes.append(smooth(1, -1, whole))
    rosette = far + 9 * np.cos(8 * np.arctan2(dy, dx))
    scene = mix(
        scene, ramp(np.clip(rosette / 60, 0, 1), "#fff0b0", "#f2b632", "#c8451f", "#7a1c22"), smooth(66, 64, rosette)
    )
    scene = mix(scene, "#fbf0d2", smooth(5, 3, np.abs(rosette - 66)))
    plain = ramp(0.5 + 0.2 * noise(h, w, 80, rng), "#e2d2a4", "#f3e8cb", "#d8bd85")
    scene = mix(scene, plain, smooth(352, 354, far))
    for r, colour in ((360, "#7a1c22"), (376, "#f0c75e"), (392, "#123b5c")):
        scene = mix(scene, colour, smooth(8, 6, np.abs(far - r)))
    side = np.maximum(np.abs(dx), np.abs(dy))
    run = np.where(np.abs(dx) > np.abs(dy), dy, dx)
    wave = np.sin(run / 16.5) * 13
    scene = mix(scene, "#f3e8cb", smooth(384, 386, side))
    scene = mix(scene, "#123b5c", smooth(384, 386, side) * smooth(-2, 2, side - 416 - wave))
    for r, colour in ((384, "#7a1c22"), (442, "#c8451f")):
        scene = mix(scene, colour, smooth(9, 7, np.abs(side - r)))
    corner = np.hypot(np.abs(dx) - 318, np.abs(dy) - 318)
    scene = mix(
        scene,
        ramp(np.clip(corner / 44, 0, 1), "#f2b632", "#c8451f", "#1c6f87"),
        smooth(44, 42, corner + 6 * np.cos(6 * np.arctan2(np.abs(dy) - 318, np.abs(dx) - 318))),
    )
    shapes += [smooth(380, 378, side)]
    for mask in shapes:
        ground += ndimage.distance_transform_edt(mask > 0.5) - ndimage.distance_transform_edt(mask <= 0.5)
    field = ndimage.distance_transform_edt(shapes[1] <= 0.5), ndimage.distance_transform_edt(shapes[2] <= 0.5)
    inside = shapes[1] + shapes[2] > 0.5
    d = np.where(inside, ndimage.distance_transform_edt(inside), np.minimum(*field))
    d = np.where((d > 62) & ~inside, far, d)
    d = np.where(far > 350, far, d)
    d = np.where(side > 376, side, d)
    gy, gx = np.gradient(blur(d, 3))
    # A square stone looks the same after a quarter turn, so the field is averaged at four times its angle.
    four = 4 * np.arctan2(gy, gx)
    angle = np.arctan2(blur(np.sin(four), 6), blur(np.cos(four), 6)) / 4
    cells, seam, sites = tiles(angle, 6600, rng)
    n = len(sites)
    size = np.maximum(np.bincount(cells.ravel(), minlength=n), 1)
    stone = np.stack([np.bincount(cells.ravel(), scene[..., k].ravel(), n) / size for k in range(3)], 1)
    ix, iy = np.clip(sites.astype(int), 0, w - 1).T
    stone = 0.35 * stone + 0.65 * scene[iy, ix]  # mostly the colour under the middle, so that outlines stay crisp
    stone *= 1 + rng.normal(0, 0.09, (n, 1)) + rng.normal(0, 0.035, (n, 3))
    tilt = rng.normal(0, 0.1, (n, 2))
    cx, cy = x - sites[cells, 0], y - sites[cells, 1]
    face = stone[cells] * (1 + 0.05 * noise(h, w, 5, rng, 2) + 0.035 * noise(h, w, 40, rng, 3))[..., None]
    open_ = smooth(0.9, 2.6, seam + 0.35 * noise(h, w, 5, rng, 2))
    height = np.minimum(seam, 4.5) * 0.8 + tilt[cells, 0] * cx + tilt[cells, 1] * cy + 0.12 * noise(h, w, 4, rng, 2)
    mortar = rgb("#8d8678") * (0.8 + 0.1 * noise(h, w, 4, rng, 2))[..., None]
    return relief(mix(mortar, np.clip(face, 0, 1), open_), blur(height, 0.8), 0.7, 0.35)


def marbled(rng):
    """Marbled paper: drops of colour floated on a bath, raked with stylus and combs, lifted on a sheet."""
    h, w = 1280, 960
    x, y = grid(h, w)
    x, y = x + 6 * noise(h, w, 300, rng, 3), y + 6 * noise(h, w, 300, rng, 3)

    def rake(x, y, angle, gap, pull, reach, phase=0.0, both=False):
        """Undo a comb drawn in direction `angle` with teeth `gap` apart."""
        c, s = np.cos(angle), np.sin(angle)
        across = -x * s + y * c + phase
        tooth = np.floor(across / gap)
        d = np.abs(across - (tooth + 0.5) * gap)
        sign = np.where(tooth % 2 == 0, 1, -1) if both else 1
        move = sign * pull * (reach / (reach + d))
        return x - move * c, y - move * s

    for cx, cy, r, turn in [(310, 330, 190, 2.6), (680, 820, 230, -2.8), (250, 1010, 150, 2.2), (740, 250, 140, -2.2)]:
        dx, dy = x - cx, y - cy
        a = turn * np.exp(-np.hypot(dx, dy) / (0.55 * r))
        x, y = cx + dx * np.cos(a) - dy * np.sin(a), cy + dx * np.sin(a) + dy * np.cos(a)
    wave = 9 * np.sin(x / 34)
    x, y = rake(x, y + wave, np.pi / 2, 46, 120, 9)
    x, y = rake(x, y, 0, 92, 150, 16, both=True)
    x, y = rake(x, y, np.pi / 2, 184, 160, 30, both=True)
    palette = [
        rgb(c)
        for c in (
            "#0f2d52",
            "#f3e7cf",
            "#b3202c",
            "#e2a72e",
            "#1f6f78",
            "#f3e7cf",
            "#12203a",
            "#d8663a",
            "#7fb0b4",
            "#5b1a33",
        )
    ]
    colour = np.full((h, w, 3), palette[0])
    free = np.ones((h, w), bool)
    rim = np.full((h, w), 9.0, np.float32)
    for _ in range(420):  # the last drop first: each pushes the older paint outwards, keeping its area
        cx, cy = rng.uniform(-250, w + 250), rng.uniform(-250, h + 250)
        r = rng.uniform(16, 60) * (1.5 if rng.random() < 0.15 else 1)
        dx, dy = x - cx, y - cy
        d = np.hypot(dx, dy) + 1e-6
        inside = free & (d < r)
        colour[inside], free = palette[rng.integers(len(palette))] * rng.uniform(0.92, 1.08), free & ~inside
        rim = np.where(free | inside, np.minimum(rim, np.abs(d - r)), rim)
        back = np.sqrt(np.maximum(1 - (r / d) ** 2, 0))
        x, y = np.where(free, cx + dx * back, x), np.where(free, cy + dy * back, y)
    pale = noise(h, w, 3, rng, 2) * 0.028 + noise(h, w, 160, rng, 4) * 0.045
    colour = colour * (1 + pale)[..., None] * (1 - 0.18 * np.exp(-rim / 1.2))[..., None]
    sheet = paper(h, w, rng, "#f6efe0", 0.012)
    return np.clip(colour * 0.93 + 0.07 * sheet, 0, 1) * (0.94 + 0.06 * sheet)


# Dots -----------------------------------------------------------------------------------------------------------------


def foliage(h, w, cx, cy, rx, ry, rng, n=26):
    """A crown of leaves: mask (H, W) and its light, 0 to 1, from overlapping clumps lit from the upper left."""
    x, y = grid(h, w)
    mask, light = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
    ragged = noise(h, w, 26, rng, 4)
    for _ in range(n):
        a, r = rng.uniform(0, 6.28), np.sqrt(rng.uniform(0, 1))
        px, py, size = cx + rx * r * np.cos(a), cy + ry * r * np.sin(a), min(rx, ry) * rng.uniform(0.3, 0.5)
        u, v = (x - px) / size, (y - py) / (size * 0.8)
        clump = smooth(1.06, 0.94, np.hypot(u, v) + 0.14 * ragged)
        mask = np.maximum(mask, clump)
        light = light * (1 - clump) + clump * np.clip(0.5 - 0.33 * (u + 1.2 * v) + 0.1 * ragged, 0, 1)
    return mask, light


def pointillism(rng):
    """Divided colour: a river at evening made of pure dots that mix in the eye."""
    h, w = 840, 1280
    x, y = grid(h, w)
    horizon, sx = 330, 850
    t = np.clip(y / horizon, 0, 1)
    cloud = noise(h, w, (50, 330), rng, 4)
    sky = ramp(t + 0.05 * cloud, "#5a86c4", "#8fb3d6", "#d5c6d8", "#f5cfa8", "#fbdc85")
    sky = mix(sky, "#f7b3a0", 0.75 * smooth(0.5, 1.5, cloud) * smooth(0.05, 0.4, t))
    far = np.hypot(x - sx, (y - 248) * 1.15)
    sky = mix(sky, "#fdeaa0", 0.9 * np.exp(-far / 120))
    scene = mix(sky, "#fffbd8", smooth(44, 40, far))
    hill = 300 - 26 * np.sin(x / 210 + 0.7) - 10 * np.sin(x / 71) - 5 * noise(h, w, 60, rng, 3)
    scene = mix(
        scene, ramp(np.clip((x / w) * 0.8 + 0.1 * cloud, 0, 1), "#6f7fbb", "#a184b4", "#d69a96"), smooth(0, 4, y - hill)
    )
    for cx, wide, tall, cool in table(
        "40 120 90 0.3, 250 90 60 0.6, 420 120 46 0.8, 620 70 34 0.9, 1080 110 52 0.5, 1235 120 100 0.2"
    ):
        mask, light = foliage(h, w, cx, horizon - tall * 0.55, wide, tall * 0.7, rng, 14)
        mask *= y < horizon + 4
        scene = mix(scene, mix(ramp(light, "#1f4a5c", "#3f8a56", "#a7bd4b"), "#8a83b5", 0 * x + 0.55 * cool), mask)
    water = y > horizon
    depth = np.maximum(y - horizon, 0) / (h - horizon)
    ripple = noise(h, w, (7, 90), rng, 3) * (2 + 16 * np.clip(depth, 0, 1))
    mirror = sample(scene, x + ripple * 0.6, np.clip(horizon - (y - horizon) * 0.88 + ripple, 0, horizon - 2))
    scene = np.where(water[..., None], mix(mirror, "#2f5fa8", 0.16 + 0.4 * np.clip(depth, 0, 1)), scene)
    path = np.exp(-(((x - sx) / (26 + 130 * depth)) ** 2)) * smooth(-0.1, 1.0, noise(h, w, (9, 60), rng, 2))
    scene = mix(scene, "#fff0a8", np.clip(path * water * (1 - 0.5 * np.clip(depth, 0, 1)), 0, 1))
    for bx, by, s in [(560, 408, 1.0), (730, 372, 0.62), (1010, 385, 0.75), (330, 360, 0.5)]:
        hull = polygon(
            h,
            w,
            [
                (bx - 52 * s, by - 8 * s),
                (bx + 62 * s, by - 12 * s),
                (bx + 44 * s, by + 8 * s),
                (bx - 40 * s, by + 8 * s),
            ],
        )
        main = polygon(h, w, [(bx + 3 * s, by - 14 * s), (bx + 6 * s, by - 150 * s), (bx + 70 * s, by - 22 * s)])
        jib = polygon(h, w, [(bx - 3 * s, by - 14 * s), (bx + 2 * s, by - 138 * s), (bx - 48 * s, by - 16 * s)])
        for mask, colour in ((hull, "#5b2b4f"), (main, "#fbf0d8"), (jib, "#f3c7a8")):
            flip = mask[::-1]
            low = np.roll(flip, int(2 * by + 8 * s) - h + 1, 0)
            scene = mix(
                scene,
                mix(rgb(colour) * np.ones((h, w, 1), np.float32), "#4a6fae", 0 * x + 0.4),
                0.7 * sample(low, x + ripple, y) * (y > by),
            )
            scene = mix(scene, colour, mask)
    bank = 610 + 120 * smooth(380, 1180, x) - 70 * smooth(520, 0, x) + 9 * noise(h, w, 40, rng, 3)
    grass = smooth(-3, 5, y - bank)
    sun = np.clip(0.45 + 0.24 * noise(h, w, (50, 160), rng, 3) + 0.2 * smooth(300, 1100, x), 0, 1)
    scene = mix(scene, ramp(sun, "#1f5a4a", "#3f8f45", "#8fbf3f", "#dfd75a"), grass)
    shade = smooth(0.4, -0.4, noise(h, w, (30, 120), rng, 3) + (y - 715 - 0.06 * x) / 34) * smooth(720, 560, x) * grass
    scene = mix(scene, "#27408a", 0.72 * shade)
    trunk = np.abs(x - 170 - 20 * np.sin(y / 140)) < 24 + 34 * smooth(640, 760, y)
    bark = np.clip(0.6 - (x - 170) / 70 + 0.15 * noise(h, w, (60, 10), rng, 2), 0, 1)
    scene = mix(scene, ramp(bark, "#2b2450", "#6b3f5c", "#d98a5a"), (trunk & (y < 745)).astype(np.float32))
    for cx, cy, rx, ry in [(120, 130, 330, 175), (330, 215, 150, 80)]:
        mask, light = foliage(h, w, cx, cy, rx, ry, rng, 40)
        scene = mix(scene, ramp(1 - light, "#f0dc5a", "#a4c63f", "#3f9450", "#1f5f66", "#27306e"), mask)
    for fx, fy, s, dress, shirt, brolly in [
        (520, 738, 1.0, "#7a2f5f", "#c24a6a", "#e8543a"),
        (425, 722, 0.86, "#274a8f", "#3f6fb8", None),
        (905, 790, 0.8, "#f3e6d2", "#f6d9c0", "#4f7fd0"),
    ]:
        skirt = [
            (fx - 13 * s, fy - 92 * s),
            (fx + 11 * s, fy - 92 * s),
            (fx + 30 * s, fy - 30 * s),
            (fx + 40 * s, fy),
            (fx - 46 * s, fy),
            (fx - 36 * s, fy - 50 * s),
            (fx - 28 * s, fy - 78 * s),
        ]
        scene = mix(
            scene,
            "#27408a",
            0.6
            * polygon(
                h, w, [(fx - 46 * s, fy), (fx + 40 * s, fy), (fx - 130 * s, fy + 26 * s), (fx - 190 * s, fy + 20 * s)]
            ),
        )
        scene = mix(scene, dress, polygon(h, w, skirt))
        scene = mix(scene, "#f0c08a", 0.35 * polygon(h, w, skirt) * smooth(fx - 6, fx + 40 * s, x))
        scene = mix(
            scene,
            shirt,
            polygon(
                h,
                w,
                [
                    (fx - 14 * s, fy - 90 * s),
                    (fx - 17 * s, fy - 138 * s),
                    (fx, fy - 146 * s),
                    (fx + 15 * s, fy - 138 * s),
                    (fx + 12 * s, fy - 90 * s),
                ],
            ),
        )
        scene = mix(scene, "#e3a681", disc(h, w, fx + 2, fy - 160 * s, 13 * s))
        scene = mix(
            scene,
            "#3a2038",
            polygon(
                h,
                w,
                [
                    (fx - 20 * s, fy - 164 * s),
                    (fx + 22 * s, fy - 167 * s),
                    (fx + 13 * s, fy - 184 * s),
                    (fx - 13 * s, fy - 182 * s),
                ],
            ),
        )
        if brolly:
            px, py = fx + 26 * s, fy - 200 * s
            scene = mix(
                scene,
                "#3a2038",
                polygon(h, w, [(px - 1.5, py), (px + 2, py), (fx + 16 * s, fy - 112 * s), (fx + 12 * s, fy - 112 * s)]),
            )
            dome = disc(h, w, px, py + 14, 66 * s) * (y < py + 8 * np.cos((x - px) / (9 * s)))
            scene = mix(scene, brolly, dome)
            scene = mix(scene, "#fff0b8", dome * 0.55 * smooth(px - 10, px + 60 * s, x))

    canvas = Image.fromarray((np.clip(mix(scene, "#efe2c4", 0 * x + 0.35), 0, 1) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    accents = np.stack(
        [
            rgb(c)
            for c in ("#f6d743", "#f08a2c", "#d8443a", "#c85a9a", "#6a4fae", "#2f62c0", "#2f9c8f", "#6fb544", "#fdf6dc")
        ]
    )
    for gap, radius, stray in ((11, 8.5, 0.16), (9, 6.2, 0.26), (7.2, 4.3, 0.36)):
        px, py = np.meshgrid(np.arange(0, w, gap), np.arange(0, h, gap))
        points = rng.permutation(np.stack([px.ravel(), py.ravel()], 1) + rng.normal(0, gap * 0.35, (px.size, 2)))
        ix, iy = np.clip(points[:, 0], 0, w - 1).astype(int), np.clip(points[:, 1], 0, h - 1).astype(int)
        local = scene[iy, ix]
        grey = local.mean(1, keepdims=True)
        pure = np.clip(
            grey + (local - grey) * rng.uniform(1.15, 1.75, (len(points), 1)) + rng.normal(0, 0.07, (len(points), 3)),
            0,
            1,
        )
        near = np.exp(-((accents[None] - local[:, None]) ** 2).sum(-1) / 0.22) + 0.03
        cut = np.cumsum(near / near.sum(1, keepdims=True), 1)
        pick = accents[np.minimum((rng.random((len(points), 1)) > cut).sum(1), len(accents) - 1)]
        other = np.clip(grey * 1.7 - 0.7 * local, 0, 1)  # the complement, at the same light
        kind = rng.random((len(points), 1))
        colour = np.where(
            kind < stray, 0.55 * pick + 0.45 * pure, np.where(kind < stray + 0.07, 0.6 * other + 0.4 * pure, pure)
        )
        size = radius * rng.uniform(0.75, 1.2, len(points))
        for (cx, cy), r, c in zip(points, size, (colour * 255).astype(int), strict=True):
            q = r * rng.uniform(0.8, 1.1)
            draw.ellipse([cx - r, cy - q, cx + r, cy + q], fill=tuple(int(v) for v in c))
    dots = np.asarray(canvas, np.float32) / 255
    return relief(dots, blur(dots.mean(-1), 1.0) * 5 + 0.25 * noise(h, w, 3, rng, 2), 0.35)


# Prints and drawings --------------------------------------------------------------------------------------------------


def woodcut_waves(rng):
    """Colour woodblock: a few flat inks, carved outlines, foam like claws, the grain of the plank in the sky."""
    h, w = 880, 1280
    x, y = grid(h, w)
    ink, deep, blue, pale, foam = "#152544", "#1d3f73", "#4679a6", "#a9c5cc", "#f4ecd8"
    plank = noise(h, w, (22, 1100), rng, 3)
    plank = sample(plank, x, y + 10 * noise(h, w, (200, 500), rng, 2))
    t = np.clip(y / 560 + 0.05 * plank, 0, 1)
    scene = ramp(t, "#3d5c7c", "#93a9ae", "#dfd3b4", "#ecd9ae", "#eec39a")
    far = np.hypot(x - 900, y - 250)
    scene = mix(scene, ramp(np.clip((y - 150) / 200, 0, 1), "#c43a26", "#d9543a", "#e58b63"), smooth(103, 101, far))
    for cx, cy, wide in [(1020, 205, 330), (760, 305, 260), (1180, 120, 220), (520, 120, 200)]:
        drift = np.zeros((h, w), np.float32)
        for k in range(3):
            px, py, half = (
                cx + (k - 1) * wide * 0.3,
                cy + (k - 1) * 17 * (1 if cx > 600 else -1),
                wide * (0.5 - 0.1 * k),
            )
            bar = np.hypot(np.maximum(np.abs(x - px) - half, 0), y - py)
            drift = np.maximum(drift, smooth(11, 9, bar))
        scene = mix(scene, "#f1e5c8", drift * 0.92)
        rim = ndimage.gaussian_gradient_magnitude(drift, 1)
        scene = mix(scene, "#7d8f98", np.clip(rim * 2.2, 0, 0.8))
    peak = np.interp(x, [430, 560, 655, 680, 700, 722, 745, 860, 1010], [600, 505, 400, 384, 390, 383, 402, 500, 600])
    body = smooth(0, 2, y - peak) * (y < 600)
    scene = mix(scene, ramp(np.clip((y - 380) / 190, 0, 1), "#2d4b73", "#5f7f98", "#b9bfae"), body)
    snow = y - peak < 34 + 22 * np.abs(np.sin(x / 17)) * (1 - np.abs(x - 690) / 170)
    scene = mix(scene, foam, body * snow * (np.abs(x - 690) < 150 - (y - 384) * 0.4))
    scene = mix(scene, ink, smooth(2.6, 1.2, np.abs(y - peak)) * (np.abs(x - 700) < 250))

    def wave(outline_, colours, period, foams, seed):
        """One carved wave: a body ruled by lines that follow its back, edged with foam."""
        nonlocal scene
        local = np.random.default_rng(seed)
        mask = polygon(h, w, outline_)
        d = ndimage.distance_transform_edt(mask > 0.5)
        swell = d + 6 * noise(h, w, 150, local, 2)
        body = ramp(np.clip(d / 260, 0, 1), *colours)
        k = np.mod(swell / period, 1)
        lines = smooth(0.0, 0.06, k) * smooth(0.6 + 0.1 * np.sin(x / 90), 0.42, k)
        body = mix(body, pale, lines * smooth(8, 30, d) * smooth(290, 120, d) * 0.85)
        body = mix(body, ink, smooth(1.7, 0.9, np.abs(k - 0.56) * period) * smooth(14, 40, d) * 0.9)
        scene = mix(scene, body, mask)
        scene = mix(scene, ink, np.clip(2.2 * mask * smooth(4.6, 3.4, d), 0, 1))
        layer = Image.new("L", (w * 2, h * 2))
        draw = ImageDraw.Draw(layer)

        def blob(px, py, r):
            draw.ellipse([2 * (px - r), 2 * (py - r), 2 * (px + r), 2 * (py + r)], fill=255)

        for (ax, ay), (bx, by), size, lean in foams:
            for s in np.linspace(0, 1, int(np.hypot(bx - ax, by - ay) / 5) + 1):
                px, py = ax + (bx - ax) * s + local.normal(0, 3), ay + (by - ay) * s + local.normal(0, 3)
                blob(px, py, size * local.uniform(0.55, 1.0))
                if local.random() < 0.85:  # a claw: a shrinking chain of dots that curls over
                    a, turn, r = (
                        lean + local.normal(0, 0.5),
                        local.uniform(0.06, 0.16) * local.choice([-1, 1], p=[0.2, 0.8]),
                        size * 0.42,
                    )
                    while r > 1.5:
                        px, py = px + 0.8 * r * np.cos(a), py + 0.8 * r * np.sin(a)
                        blob(px, py, r)
                        a, turn, r = a + turn, turn * 1.1, r * 0.925
            for _ in range(int(np.hypot(bx - ax, by - ay) / 7)):
                s, reach = local.random(), size * local.uniform(1.5, 7)
                blob(
                    ax + (bx - ax) * s + reach * np.cos(lean + local.normal(0, 0.6)),
                    ay + (by - ay) * s + reach * np.sin(lean + local.normal(0, 0.6)),
                    local.uniform(1.2, 3.4),
                )
        white = np.asarray(layer.resize((w, h), Image.BOX), np.float32) / 255
        inside = ndimage.distance_transform_edt(white > 0.5)
        outside = ndimage.distance_transform_edt(white <= 0.5)
        scene = mix(scene, ink, smooth(3.4, 2.2, outside))
        scene = mix(scene, foam, white)
        shadow_ = smooth(4, 6, inside) * smooth(0.15, 0.5, noise(h, w, 20, local, 2))
        scene = mix(scene, pale, 0.75 * shadow_)

    def boat(bx, by, s, tilt):
        nonlocal scene
        hull = curve((-150, -34), (-80, 2), (10, 14), (95, -2), (175, -52), n=40)
        top = curve((175, -52), (90, -20), (10, -8), (-80, -18), (-150, -34), n=40)
        c, q = np.cos(tilt), np.sin(tilt)
        place = lambda p: np.stack([bx + s * (p[:, 0] * c - p[:, 1] * q), by + s * (p[:, 0] * q + p[:, 1] * c)], 1)  # noqa: E731
        shell = polygon(h, w, place(np.vstack([hull, top])))
        scene = mix(scene, ink, smooth(0.02, 0.2, blur(shell, 1.6)))
        scene = mix(scene, "#d9b26a", shell)
        plank_ = polygon(h, w, place(np.vstack([hull, hull[::-1] - (0, 7)])))
        scene = mix(scene, "#8a4b2a", plank_)
        for k in range(6):
            px, py = place(np.array([[-70 + k * 27, -22 - 3 * (k % 2)]], float))[0]
            scene = mix(scene, ink, disc(h, w, px, py, 11 * s))
            scene = mix(scene, "#3f6f9a" if k % 2 else "#b8452f", disc(h, w, px, py, 9 * s) * (y > py - 1))
            scene = mix(scene, "#ecc9a0", disc(h, w, px + 3, py - 8 * s, 6 * s))

    bottom = [(w + 20, h + 20), (-20, h + 20)]
    back = curve((-20, 590), (150, 560), (330, 585), (560, 560), (800, 590), (1050, 540), (1300, 575), n=160)
    wave(
        [*back, *bottom],
        (blue, blue, deep),
        26,
        [((560, 562), (690, 568), 7, -1.2), ((1000, 548), (1120, 540), 8, -1.4)],
        1,
    )
    right = curve(
        (640, h + 20),
        (760, 690),
        (900, 600),
        (1040, 505),
        (1150, 470),
        (1100, 520),
        (1085, 590),
        (1150, 650),
        (1300, 660),
        n=200,
    )
    wave(
        [*right, *bottom],
        (deep, blue, deep),
        30,
        [
            ((905, 598), (1045, 503), 10, -2.2),
            ((1040, 503), (1150, 468), 15, -1.6),
            ((1150, 470), (1098, 530), 13, 1.9),
        ],
        2,
    )
    boat(560, 668, 0.95, -0.12)
    middle = curve((-20, 740), (200, 700), (420, 742), (640, 690), (860, 735), (1080, 690), (1300, 730), n=160)
    wave(
        [*middle, *bottom],
        (blue, deep, deep),
        24,
        [((560, 712), (700, 694), 9, -1.3), ((1010, 706), (1120, 692), 9, -1.5)],
        3,
    )
    big = curve(
        (-20, 330),
        (90, 200),
        (220, 110),
        (350, 92),
        (455, 150),
        (500, 245),
        (478, 300),
        (430, 250),
        (365, 225),
        (300, 280),
        (270, 400),
        (300, 540),
        (400, 660),
        (560, 740),
        (760, 800),
        (940, h + 20),
        n=320,
    )
    wave(
        [*big, *bottom],
        (deep, deep, blue, deep),
        34,
        [
            ((60, 225), (215, 112), 13, -2.3),
            ((215, 112), (352, 92), 19, -1.5),
            ((352, 92), (455, 152), 24, -0.7),
            ((455, 152), (502, 248), 24, 0.3),
            ((500, 248), (470, 312), 22, 1.6),
            ((465, 285), (368, 228), 13, 1.9),
            ((365, 228), (300, 285), 8, 1.5),
        ],
        4,
    )
    boat(930, 770, 1.05, 0.1)
    front = curve((-20, 800), (180, 850), (420, 835), (640, 860), (880, 800), (1080, 825), (1300, 770), n=160)
    wave(
        [*front, *bottom],
        (deep, blue, deep),
        22,
        [((820, 815), (960, 808), 12, -1.6), ((-10, 808), (120, 840), 12, -1.0), ((1180, 795), (1290, 775), 11, -1.7)],
        5,
    )
    seal = (np.abs(x - 1216) < 23) & (np.abs(y - 70) < 42)
    marks = (
        seal
        & ((np.abs(np.sin((x - 1190) / 8.5)) < 0.28) | (np.abs(np.sin((y - 34) / 12.5)) < 0.22))
        & (np.abs(x - 1216) < 19)
    )
    scene = mix(scene, "#b5321f", seal * (0.9 - 0.75 * marks))
    sheet = paper(h, w, rng, "#f6ead0", 0.022, 700)
    worn = smooth(1.7, 2.8, noise(h, w, 5, rng, 2) + 0.5 * noise(h, w, 90, rng, 3))
    printed = (
        scene * (1 + 0.035 * plank + 0.03 * noise(h, w, 3, rng, 2))[..., None] * (0.25 + 0.75 * sheet / rgb("#f6ead0"))
    )
    return mix(np.clip(printed, 0, 1), sheet, 0.4 * worn)


def chapel(p):
    """Distances to the parts of a hilltop chapel: earth, stone, roofs, cypresses, leafy trees."""
    px, py, pz = p.T
    hill = (
        0.9 * np.exp(-(px**2 + (pz - 1) ** 2) / 14)
        + 0.13 * np.sin(px * 1.1 + 1) * np.sin(pz * 0.8)
        + 0.03 * np.sin(px * 4 + pz * 3)
    )
    path = np.abs(px - 0.9 * np.sin(pz * 0.55 + 0.4) + 0.25) - 0.34
    earth = (py - hill + 0.07 * smooth(0.1, -0.1, path)) * 0.75
    base = 0.75
    tower = turned(p, (-1.15, base, 1.2), [(0, 0), (0.62, 0), (0.58, 2.9), (0.68, 2.95), (0.68, 3.1), (0, 3.1)])
    tower = np.maximum(tower, -box(p, (-1.15, base + 2.45, 0.7), (0.14, 0.32, 0.4)))
    tower = np.maximum(tower, -box(p, (-0.55, base + 2.45, 1.2), (0.4, 0.32, 0.14)))
    spire = turned(p, (-1.15, base, 1.2), [(0, 3.1), (0.78, 3.1), (0.36, 4.1), (0.0, 5.3)])
    nave = outline(np.abs(px - 0.75), py - base, [(0, -0.6), (0.95, -0.6), (0.95, 1.35), (0, 2.35)])
    nave = np.maximum(nave, np.abs(pz - 1.7) - 1.6)
    nave = np.maximum(nave, -np.maximum(np.hypot(px - 0.75, np.maximum(py - base - 0.62, 0)) - 0.28, pz - 0.3))
    nave = np.maximum(nave, -rod(p, (0.75, base + 1.45, -0.2), (0.75, base + 1.45, 0.3), 0.2))
    for z in (0.9, 1.7, 2.5):
        nave = np.maximum(nave, -box(p, (1.7, base + 0.75, z), (0.12, 0.34, 0.13)))
    slope = outline(np.abs(px - 0.75), py - base, [(0, 2.32), (1.16, 1.1), (1.2, 1.22), (0, 2.52)])
    slope = np.maximum(slope, np.abs(pz - 1.7) - 1.78)
    wall = box(p, (3.5, 0.55, 0.6), (1.5, 0.34, 0.16), 0.25) - 0.03 * np.sin(px * 9) * np.sin(py * 12)
    wall = np.minimum(
        wall, box(p, (-3.6, 0.3, -0.3), (1.6, 0.36, 0.16), -0.3) - 0.03 * np.sin(px * 9) * np.sin(py * 12)
    )
    cypress = np.minimum.reduce(
        [
            turned(p, (cx, cy, cz), [(0, 0), (0.16 * s, 0.25), (0.34 * s, 0.9 * s), (0.2 * s, 2.2 * s), (0, 3.1 * s)])
            for cx, cy, cz, s in table("-2.7 0.4 1.6 1.05, -3.35 0.25 2.4 0.9, 3.1 0.4 3.4 1.25, 4.5 0.1 5 1.1")
        ]
    ) - 0.05 * np.sin(px * 13) * np.sin(py * 7) * np.sin(pz * 13)
    crown = np.minimum.reduce(
        [
            ball(p, c, r)
            for c, r in [
                ((3.0, 2.35, -0.9), 0.75),
                ((3.6, 2.0, -0.7), 0.62),
                ((2.5, 1.95, -0.8), 0.55),
                ((3.1, 2.9, -0.6), 0.55),
                ((-4.6, 1.2, 3.2), 0.9),
                ((-5.6, 1.0, 4.2), 1.0),
            ]
        ]
    )
    crown = (crown - 0.13 * np.sin(px * 7) * np.sin(py * 8) * np.sin(pz * 7)) * 0.7
    trunk = rod(p, (2.9, 0.1, -0.8), (3.05, 1.9, -0.8), 0.15, 0.09)
    return np.stack([earth, np.minimum(np.minimum(tower, nave), wall), np.minimum(spire, slope), cypress, crown, trunk])


def ink_hatching(rng):
    """Pen and sepia ink: hatching that turns with the form and crosses itself in the shade, on toned paper."""
    h, w = 1280, 1000
    eye = Camera((1.7, 1.2, -6.9), (0.5, 2.0, 1.0), 1.68)
    d = eye.rays(h // 2, w // 2)
    t = march(chapel, eye.eye, d, 40)
    hit = t < 39
    p = eye.eye + t[:, None] * d
    part = np.where(hit, chapel(p).argmin(0), -1)
    light = np.array([-0.62, 0.55, -0.56], np.float32)
    n = np.zeros_like(p)
    n[hit] = normals(chapel, p[hit], 0.008)
    lit = np.zeros(len(p), np.float32)
    q = p[hit] + 0.03 * n[hit]
    lit[hit] = np.clip(n[hit] @ light, 0, 1) * shadow(chapel, q, light, 12, 9)
    open_ = np.ones_like(lit)
    open_[hit] = crevices(chapel, q, n[hit], 0.7)
    base = np.array([0.95, 1.0, 0.66, 0.6, 0.85, 0.6, 1.0])[part]
    path = (part == 0) & (np.abs(p[:, 0] - 0.9 * np.sin(p[:, 2] * 0.55 + 0.4) + 0.25) < 0.3)
    base = np.where(path, 1.0, base)
    dark = 1 - np.clip(base * (0.14 + 1.15 * lit) * (0.3 + 0.7 * open_) + 0.12 * smooth(6, 20, t), 0, 1)

    def enlarge(field):
        return resize(field.reshape(h // 2, w // 2), h, w)

    x, y = grid(h, w)
    part = np.kron(part.reshape(h // 2, w // 2), np.ones((2, 2), int))
    dark = enlarge(dark) + 0.05 * noise(h, w, 30, rng, 3)
    sx, sy = enlarge(n @ eye.right), enlarge(-(n @ eye.up))
    four = 2 * np.arctan2(sy, sx) + np.pi
    angle = np.arctan2(blur(np.sin(four), 4), blur(np.cos(four), 4)) / 2
    grassy = part == 0
    angle = np.where(grassy, 0.18 * np.sin(x / 140 + y / 60) + 0.12 * noise(h, w, 160, rng, 2), angle)
    sky = part < 0
    cloud = noise(h, w, (130, 330), rng, 5)
    dark = np.where(sky, 0.5 * smooth(-0.15, -1.5, cloud) + 0.2 * smooth(700, 0, y) * smooth(0.5, -0.3, cloud), dark)
    dark = np.clip(
        dark + 0.5 * grassy * smooth(0.72, 1.05, y / h + 0.25 * np.abs(x / w - 0.45) + 0.03 * noise(h, w, 60, rng, 3)),
        0,
        1,
    )
    angle = np.where(sky, 0.12 * np.sin(x / 180) - 0.08, angle)

    sheet = Image.new("L", (w, h))
    pen = ImageDraw.Draw(sheet)

    def hatch(turn, threshold, gap, reach, width, where):
        taken = np.zeros((h, w), bool)
        gx, gy = np.meshgrid(np.arange(3, w - 3, gap), np.arange(3, h - 3, gap))
        for px, py in rng.permutation(np.stack([gx.ravel(), gy.ravel()], 1) + rng.normal(0, gap * 0.4, (gx.size, 2))):
            line, ends = [], []
            for way in (1, -1):
                cx, cy, limit = px, py, reach * rng.uniform(0.5, 1.1)
                while limit > 0 and 2 < cx < w - 3 and 2 < cy < h - 3:
                    i, j = int(cy), int(cx)
                    if taken[i, j] or not where[i, j] or dark[i, j] < threshold:
                        break
                    ends.append((i, j)) if way > 0 else ends.insert(0, (i, j))
                    line.append((cx, cy)) if way > 0 else line.insert(0, (cx, cy))
                    a = angle[i, j] + turn
                    cx, cy, limit = cx + 3 * way * np.cos(a), cy + 3 * way * np.sin(a), limit - 3
            if len(line) < 4:
                continue
            r = int(gap * 0.62)
            for i, j in ends:
                taken[i - r if i > r else 0 : i + r + 1, j - r if j > r else 0 : j + r + 1] = True
            wobble = np.cumsum(rng.normal(0, 0.18, (len(line), 2)), 0)
            points = [tuple(v) for v in np.array(line) + wobble]
            third = max(len(points) // 4, 1)
            pen.line(points, fill=int(rng.uniform(120, 190)), width=width)
            pen.line(points[third // 2 : -third], fill=int(rng.uniform(200, 255)), width=width + (rng.random() < 0.45))

    leafy = (part == 3) | (part == 4)
    hatch(0.0, 0.07, 11, 120, 1, sky)
    hatch(0.35, 0.36, 10, 70, 1, sky)
    solid = ~sky & ~leafy
    hatch(0.0, 0.24, 8, 60, 2, solid)
    hatch(0.75, 0.42, 8, 46, 2, solid)
    hatch(-0.7, 0.6, 7, 40, 2, solid)
    hatch(1.57, 0.74, 7, 34, 2, solid)
    hatch(0.3, 0.55, 6, 34, 2, leafy)
    hatch(-0.6, 0.75, 6, 28, 2, leafy)
    for px, py in rng.uniform(0, 1, (60000, 2)) * (w - 1, h - 1):
        i, j = int(py), int(px)
        if leafy[i, j] and rng.random() < 0.04 + 0.75 * dark[i, j] ** 2:
            r, a = rng.uniform(4, 8), rng.uniform(0, 360)
            pen.arc(
                [px - r, py - r * 0.7, px + r, py + r * 0.7],
                a,
                a + rng.uniform(120, 250),
                fill=int(rng.uniform(150, 255)),
                width=2,
            )
        elif grassy[i, j] and rng.random() < 0.09 * dark[i, j] + 0.008:
            size = rng.uniform(8, 16) * (0.25 + 3 * max(i / h - 0.6, 0))
            lean = rng.normal(0, 0.3)
            pen.line(
                [(px, py), (px + size * lean * 0.3, py - size * 0.6), (px + size * lean, py - size)],
                fill=int(rng.uniform(150, 255)),
                width=2,
            )
    depth = np.log(enlarge(np.minimum(t, 60)))
    crease = blur(ndimage.gaussian_gradient_magnitude(sx, 1.2) + ndimage.gaussian_gradient_magnitude(sy, 1.2), 1)
    edge = smooth(0.012, 0.03, ndimage.gaussian_gradient_magnitude(depth, 1.3)) + (~leafy) * (~grassy) * smooth(
        0.11, 0.2, crease
    )
    edge = np.clip(edge, 0, 1) * smooth(-1.9, -0.8, noise(h, w, 24, rng, 3))
    wave = 1.6 * noise(h, w, 26, rng, 2), 1.6 * noise(h, w, 26, rng, 2)
    lines = np.maximum(np.asarray(sheet, np.float32) / 255, 0.95 * sample(edge, x + wave[0], y + wave[1]))
    lines = blur(sample(lines, x + 0.6 * wave[1], y + 0.6 * wave[0]), 0.6)
    ground = paper(h, w, rng, "#efe0c0", 0.02, 500)
    wash = 0.42 * smooth(0.45, 0.95, blur(np.where(sky, dark * 0.8, dark), 5)) + 0.05 * noise(h, w, 120, rng, 4)
    stain = smooth(
        0.55, 1.0, np.maximum(np.abs(x / w - 0.5), np.abs(y / h - 0.5)) * 2 + 0.05 * noise(h, w, 160, rng, 4)
    )
    ground = mix(ground, ground * rgb("#c9a878"), np.clip(wash, 0, 1))
    ground = mix(ground, ground * rgb("#d9bd8c"), 0.55 * stain)
    white = (part >= 1) & (part <= 2) & (dark < 0.2)
    ground = mix(ground, "#fffaf0", 0.5 * blur(1.0 * white, 2))
    tone = ramp(np.clip(0.5 + 0.25 * noise(h, w, 200, rng, 3), 0, 1), "#2a1a12", "#4a2c18", "#33221c")
    return mix(ground, tone, np.clip(lines * (0.92 + 0.1 * noise(h, w, 4, rng, 2)), 0, 1))


# Paper and pigment ----------------------------------------------------------------------------------------------------


def watercolour(rng):
    """Transparent washes: poppies wet in wet, with hard drying edges, granulation and splashes."""
    h, w = 920, 1280
    x, y = grid(h, w)
    sheet = paper(h, w, rng, "#fbf8f0", 0.015, 60)
    tooth = noise(h, w, 6, rng, 3)
    wobble = [noise(h + 200, w + 200, 46, rng, 5) for _ in range(6)]
    pools = [noise(h + 200, w + 200, 90, rng, 5) for _ in range(6)]
    ink = np.zeros((h, w, 3), np.float32)

    def wash(mask, colours, strength=1.0, rough=5.0, wet=0.0, rim=0.5):
        """One layer of pigment: absorbance grows where paint pools and along the edge where it dried."""
        k, m = rng.integers(6), rng.integers(6)
        (dx, dy), (ex, ey) = rng.integers(0, 200, (2, 2))
        a, b = wobble[k][dy : dy + h, dx : dx + w], wobble[m][ey : ey + h, ex : ex + w]
        mask = sample(mask, x + rough * a, y + rough * b)
        if wet:
            mask = blur(mask, wet) * 0.75 + 0.25 * blur(mask, wet / 3)
        pool = pools[m][dy : dy + h, dx : dx + w]
        body = mask * np.clip(0.72 + 0.26 * pool, 0.15, 1.5)
        dried = np.clip(mask - blur(mask, 3.5), 0, 1) * (0.7 + 0.5 * a.clip(-1, 1))
        t = np.clip(0.5 + 0.28 * pools[k][ey : ey + h, ex : ex + w], 0, 1)
        pigment = -np.log(np.clip(ramp(t, *colours), 0.02, 0.995))
        load = (body + rim * 1.3 * dried) * (1 + 0.16 * tooth * (1 - 0.4 * mask))
        ink[:] += strength * np.maximum(load, 0)[..., None] * pigment

    ragged = 26 * noise(h, w, 90, rng, 4)
    margin = smooth(18, 34, np.minimum(np.minimum(x, w - x), np.minimum(y, h - y)) + 0.5 * ragged)
    wash(
        margin * smooth(470, 300, y + 1.5 * ragged) * smooth(-0.5, 0.3, noise(h, w, (200, 420), rng, 4) + 0.4),
        ("#bfd9ee", "#8fb8df", "#d9d8ea"),
        0.9,
        20,
        9,
    )
    wash(margin * smooth(0.3, 1.2, noise(h, w, (150, 400), rng, 3)) * (y < 330), ("#f8d9c0", "#f3c3b0"), 0.7, 24, 14)
    for top, colours, strength in (
        (300, ("#a9bfe0", "#b9b4da"), 0.6),
        (352, ("#86a9c9", "#8fa8b8", "#9d9ccc"), 0.65),
        (396, ("#7fae9c", "#6f9fa6", "#a8bd8a"), 0.7),
    ):
        ridge = top + 34 * np.sin(x / 190 + top) + 16 * np.sin(x / 77 + top * 2) + 7 * noise(h, w, 60, rng, 3)
        wash(margin * smooth(0, 3, y - ridge) * smooth(190, 60, y - ridge), colours, strength, 4, 0, 0.7)
    for _ in range(22):
        px, base, tall = rng.uniform(60, w - 60), rng.uniform(405, 440), rng.uniform(30, 85)
        bush = smooth(
            1.1, 0.8, np.hypot((x - px) / (tall * rng.uniform(0.28, 0.6)), (y - base + tall / 2) / (tall / 2))
        )
        wash(margin * bush, ("#4f7f6a", "#6f9a55", "#3f6a78"), rng.uniform(0.3, 0.7), 9, 2, 0.6)
    field = smooth(415, 470, y + 0.6 * ragged) * margin
    wash(field, ("#e3e39a", "#cfd98a", "#f0e2a0"), 0.9, 10, 6)
    wash(field * smooth(-0.2, 0.9, noise(h, w, (70, 300), rng, 4)), ("#b4cc6a", "#8fb85f", "#d9c96a"), 0.9, 12, 5)
    wash(field * smooth(560, 900, y + 2 * ragged), ("#5f9a58", "#3f7f62", "#8fae4a"), 1.0, 16, 8)
    for _ in range(150):
        py = 440 + 260 * rng.random() ** 1.6
        size = 3 + 15 * (py - 430) / 270
        px = rng.uniform(40, w - 40)
        wash_ = np.zeros((h, w), np.float32)
        box_ = np.s_[int(max(py - 40, 0)) : int(py + 40), int(max(px - 40, 0)) : int(px + 40)]
        wash_[box_] = smooth(
            1.1,
            0.85,
            np.hypot(
                (x[box_] - px) / size + 0.22 * wobble[1][box_], (y[box_] - py) / (size * 0.62) + 0.3 * wobble[2][box_]
            ),
        )
        pigment = -np.log(rgb(("#e0402c", "#ee6a3a", "#d92f4a")[rng.integers(3)]).clip(0.03, 1))
        ink[box_] += (wash_ * rng.uniform(0.5, 1.1))[box_][..., None] * pigment * (1 + 0.2 * pools[0][box_])[..., None]

    def ribbon(points, wide):
        p = np.asarray(points)
        d = np.gradient(p, axis=0)
        side = np.stack([-d[:, 1], d[:, 0]], 1) / np.linalg.norm(d, axis=1, keepdims=True)
        taper = np.sin(np.pi * np.linspace(0.04, 0.97, len(p)) ** 0.7)[:, None] * wide
        return polygon(h, w, np.vstack([p + side * taper, (p - side * taper)[::-1]]), 2)

    greens = ("#3f7a3a", "#6f9f3f", "#2f6a58", "#9ab04a")
    for _ in range(90):
        px, lean, tall = rng.uniform(0, w), rng.normal(0, 70), rng.uniform(110, 330)
        wash(
            ribbon(curve((px, h + 10), (px + lean * 0.3, h - tall * 0.55), (px + lean, h - tall)), rng.uniform(2, 6)),
            greens,
            rng.uniform(0.4, 0.9),
            3,
            0,
            0.6,
        )
    flowers = table(
        "300 430 150 0.1, 640 600 118 -0.3, 930 380 165 0.25, 1130 640 105 -0.1, 110 660 95 0.3, 520 330 70 0.4"
    )
    for fx, fy, r, tilt in flowers:
        foot = fx + rng.normal(0, 60)
        wash(
            ribbon(curve((foot, h + 20), (foot + 20, (fy + h) / 2 + 40), (fx, fy)), 5 + r * 0.02),
            greens,
            1.3,
            2,
            0,
            0.7,
        )
        for side in (-1, 1):
            a = rng.uniform(0.45, 0.65)
            at = (foot * a + fx * (1 - a), (h + 20) * a + fy * (1 - a))
            wash(
                ribbon(
                    curve(at, (at[0] + side * r * 0.55, at[1] - r * 0.35), (at[0] + side * r * 1.05, at[1] - r * 0.2)),
                    r * 0.1,
                ),
                greens,
                1.0,
                5,
                0,
                0.8,
            )
        ink[:] *= (
            1 - 0.55 * smooth(r * 1.0, r * 0.75, np.hypot(x - fx, (y - fy) / 0.72))[..., None]
        )  # lift before the petals
        around = rng.uniform(0, 6.28)
        petals = [(around + k * 1.26 + rng.normal(0, 0.12), r * rng.uniform(0.52, 0.64)) for k in range(5)]
        reds = [
            ("#f0503a", "#e63a2c", "#f78f5a"),
            ("#ee4a4a", "#e02f2a", "#f4705a"),
            ("#f57f4a", "#f05a34", "#f9a86a"),
        ][rng.integers(3)]
        for a, size in petals:
            c, s = np.cos(a), np.sin(a)
            theta = np.linspace(0, 6.28, 60)
            lobe = size * (1 + 0.07 * np.sin(theta * 5 + a) + 0.05 * np.sin(theta * 9 + 2 * a))
            u, v = lobe * np.cos(theta) * 1.02 + size * 0.62, lobe * np.sin(theta) * 1.12
            bx, by = u * c - v * s, (u * s + v * c) * 0.7
            points = np.stack(
                [fx + bx * np.cos(tilt) - by * np.sin(tilt), fy + bx * np.sin(tilt) + by * np.cos(tilt)], 1
            )
            petal = polygon(h, w, points, 2)
            ink[:] *= 1 - (0.5 * petal * smooth(0.1, 1.0, np.hypot(x - fx, (y - fy) / 0.7) / r))[..., None]
            wash(petal, reds, 0.8, 6, 0, 0.9)
            veins = 0.5 + 0.5 * np.sin(np.arctan2((y - fy) / 0.7, x - fx) * 34 + 2 * wobble[0][:h, :w])
            reach = np.hypot(x - fx, (y - fy) / 0.7) / r
            wash(petal * smooth(0.95, 0.15, reach) * (0.5 + 0.5 * veins), ("#c3222f", "#a81838"), 0.5, 4, 2, 0.2)
        heart = np.hypot(x - fx, (y - fy) / 0.75)
        wash(smooth(r * 0.36, r * 0.16, heart + 5 * wobble[1][:h, :w]), ("#4a1440", "#2a1238"), 0.9, 6, 5)
        wash(smooth(r * 0.14, r * 0.12, heart), ("#5f7a4a", "#2f4a3a"), 1.0, 2, 0)
        for _ in range(46):
            a, q = rng.uniform(0, 6.28), r * rng.uniform(0.2, 0.38)
            px, py = fx + q * np.cos(a), fy + 0.72 * q * np.sin(a)
            i, j = slice(int(max(py - 6, 0)), int(py + 7)), slice(int(max(px - 6, 0)), int(px + 7))
            ink[i, j] += 1.9 * smooth(4.2, 2.4, np.hypot(x[i, j] - px, y[i, j] - py))[..., None]
    for px, py, lean in ((760, 430, 30), (400, 640, -30), (1220, 430, 24)):
        wash(
            ribbon(curve((px - lean * 2, h + 10), (px - lean, py + 170), (px, py - 10), (px + lean, py + 26)), 4),
            greens,
            1.1,
            2,
            0,
            0.7,
        )
        wash(
            smooth(1.05, 0.95, np.hypot((x - px - lean) / 17, (y - py - 44) / 30)),
            ("#7f9f4a", "#4f7a3f", "#b8503a"),
            1.2,
            4,
            0,
            1,
        )
    for _ in range(170):
        px, py, r = rng.uniform(0, w), rng.uniform(0, h), rng.gamma(1.5, 1.7)
        i, j = slice(int(max(py - 14, 0)), int(py + 15)), slice(int(max(px - 14, 0)), int(px + 15))
        colour = ("#d9302c", "#e8703a", "#6f9f3f", "#7fa8cf")[rng.integers(4)]
        ink[i, j] += (
            0.7
            * smooth(r + 0.8, r - 0.4, np.hypot(x[i, j] - px, y[i, j] - py))[..., None]
            * -np.log(rgb(colour).clip(0.03, 1))
        )
    bloom = smooth(0.02, 0.0, np.abs(noise(h, w, 240, rng, 4) - 0.9)) * smooth(0.4, -0.2, ink.mean(-1))
    ink *= (1 + 0.5 * blur(bloom, 1.2))[..., None]
    return relief(sheet * np.exp(-ink), blur(tooth, 1), 0.1)


# Moderns --------------------------------------------------------------------------------------------------------------


def suprematism(rng):
    """Floating geometry on a pale worn ground: discs, bars, wedges and fine lines, each its own brushed surface."""
    h, w = 1180, 1000
    x, y = grid(h, w)
    ground = ramp(np.clip(0.5 + 0.2 * noise(h, w, 260, rng, 5), 0, 1), "#dccfae", "#efe6cf", "#e9d9bd", "#d5d2c4")
    oil = Oil(ground, rng)
    oil.along(ground, 0.9 * noise(h, w, 300, rng, 2), 17, 70, 26, hue=0.025)
    picture, height = oil.colour, oil.height
    wander = 1.4 * noise(h, w, 60, rng, 3), 1.4 * noise(h, w, 60, rng, 3)

    def lay(mask, colours, angle=0.0, cover=1.0, shade=False):
        """Lay one shape: brushed along `angle`, its colour running from the first to the last of `colours`."""
        nonlocal picture, height
        mask = sample(mask, x + wander[0], y + wander[1])
        c, s = np.cos(angle), np.sin(angle)
        along = (x * c + y * s)[mask > 0.5]
        low, high = (along.min(), along.max()) if along.size else (0, 1)
        hair = np.roll(sample(brushed, (x * c + y * s) * 0.7 % w, (y * c - x * s) % h), rng.integers(0, 300), 0)
        t = np.clip((x * c + y * s - low) / (high - low + 1), 0, 1)
        coat = ramp(np.clip(t + 0.09 * hair, 0, 1), *colours) * (1 + 0.055 * hair)[..., None]
        if shade:
            cast = np.roll(blur(mask, 7), (11, 9), (0, 1)) * (1 - mask)
            picture = picture * (1 - 0.38 * cast)[..., None]
        dry = np.clip(1.25 + 0.32 * hair, 0, 1)
        picture = mix(picture, coat, mask * cover * dry)
        height = (
            height * (1 - mask) + mask * (0.25 * height + 0.75 + 0.5 * hair) + 0.5 * np.clip(mask - blur(mask, 2), 0, 1)
        )

    brushed = noise(h, w, (5, 240), rng, 3)

    def bar(cx, cy, long, wide, angle):
        c, s = np.cos(angle), np.sin(angle)
        corners = [(-long, -wide), (long, -wide * 0.96), (long * 0.99, wide), (-long, wide * 1.03)]
        return polygon(h, w, [(cx + (u * c - v * s) / 2, cy + (u * s + v * c) / 2) for u, v in corners])

    def ring(cx, cy, r, thick):
        return disc(h, w, cx, cy, r) * (1 - disc(h, w, cx, cy, r - thick))

    tilt = -0.62
    lay(blur(disc(h, w, 330, 330, 236), 26), ("#e8b4a0", "#f0cdb0"), 0.4, 0.75)
    lay(polygon(h, w, [(40, 1110), (210, 560), (640, 1010)]), ("#e9c46a", "#f2dc9a", "#e6b84a"), 0.6, 0.85)
    lay(disc(h, w, 330, 330, 196), ("#141a2e", "#26244a", "#3b1f4f"), 0.7, 1, True)
    lay(ring(330, 330, 214, 13), ("#c8321f", "#e0572f"), 1.2)
    lay(disc(h, w, 300, 300, 112), ("#5a2f86", "#8a4aa6", "#b0568f"), 2.1)
    lay(disc(h, w, 276, 282, 56), ("#f0b429", "#f7d86a"), 0.3)
    lay(disc(h, w, 276, 282, 22), ("#101018", "#1c1c28"), 0.3)
    lay(bar(590, 590, 830, 104, tilt), ("#a81f1a", "#d63a24", "#c22a1e"), tilt, 1, True)
    lay(bar(640, 680, 640, 46, tilt), ("#141414", "#22242a"), tilt, 1, True)
    lay(bar(520, 470, 520, 24, tilt), ("#1f4fa0", "#3a7fc4"), tilt)
    lay(bar(720, 770, 330, 66, tilt), ("#1c5f8f", "#2f8fb8", "#6fc0c8"), tilt, 0.92, True)
    lay(bar(815, 360, 300, 130, 0.22), ("#e6a11f", "#f4c64a"), 0.22, 1, True)
    lay(bar(880, 300, 210, 34, 0.22), ("#17181f", "#26262e"), 0.22)
    lay(bar(790, 440, 250, 18, 0.22), ("#b3261e", "#c8432a"), 0.22)
    lay(polygon(h, w, [(660, 40), (930, 150), (705, 250)]), ("#2f7f6f", "#5fae8f", "#a8cfa8"), 1.0, 0.85)
    lay(polygon(h, w, [(560, 1120), (700, 690), (905, 1090)]), ("#d9dfe0", "#9fb8c8", "#6f90b0"), 1.9, 0.62)
    lay(disc(h, w, 790, 930, 118), ("#d8663a", "#e88f4a", "#f0b46a"), 0.8, 0.8, True)
    lay(
        disc(h, w, 790, 930, 118) * polygon(h, w, [(560, 1120), (700, 690), (905, 1090)]),
        ("#7a2f4f", "#a84a5a"),
        0.8,
        0.85,
    )
    lay(ring(790, 930, 140, 5), ("#17181f", "#17181f"))
    for k in range(6):
        for j in range(5):
            cx, cy = 150 + 44 * k + 12 * j, 770 + 44 * j - 12 * k
            colours = (
                ("#17181f", "#2a2a34")
                if (k + j) % 2
                else (("#f4ead0", "#fbf4e4") if rng.random() < 0.6 else ("#c8321f", "#e0572f"))
            )
            lay(bar(cx, cy, 45, 45, -0.27), colours, -0.27)
    for k, r in enumerate((90, 68, 48, 29, 13)):
        lay(
            disc(h, w, 150, 610, r),
            [
                ("#1f4fa0", "#2f6fc0"),
                ("#f4ead0", "#e8d8b0"),
                ("#c8321f", "#e0572f"),
                ("#f0c04a", "#f4d87a"),
                ("#17181f", "#17181f"),
            ][k],
            k * 0.8,
        )
    lay(ring(560, 215, 74, 20) * (x + y < 800), ("#17181f", "#33343f"), 0.5)
    lay(ring(560, 215, 44, 12) * (x + y < 800), ("#c8321f", "#e0572f"), 0.5)
    for k in range(9):
        lay(bar(470 + 21 * k, 905 - 4 * k, 190 - 14 * k, 5, np.pi / 2 - 0.1 + 0.035 * k), ("#17181f", "#2a2c34"))
    sheet = Image.new("L", (w * 2, h * 2))
    pen = ImageDraw.Draw(sheet)
    for a, b, width in [
        ((30, 720), (970, 90), 6),
        ((90, 130), (930, 1010), 5),
        ((420, 40), (560, 1140), 4),
        ((600, 620), (985, 560), 7),
        ((600, 650), (985, 600), 4),
        ((600, 678), (985, 640), 3),
        ((30, 1010), (330, 1150), 5),
        ((30, 460), (260, 90), 4),
    ]:
        pen.line([(2 * a[0], 2 * a[1]), (2 * b[0], 2 * b[1])], fill=255, width=width)
    for wave in range(3):
        points = [(2 * (620 + 8 * k), 2 * (500 + 17 * wave + 13 * np.sin(k * 0.42))) for k in range(44)]
        pen.line(points, fill=255, width=6 - wave)
    lay(np.asarray(sheet.resize((w, h), Image.BOX), np.float32) / 255, ("#15151c", "#1d1d26"))
    for cx, cy, r, c in [
        (90, 90, 26, "#c8321f"),
        (450, 90, 15, "#1f4fa0"),
        (930, 620, 34, "#17181f"),
        (905, 790, 17, "#f0b429"),
        (90, 470, 12, "#17181f"),
        (520, 1080, 24, "#2f7f6f"),
        (340, 640, 17, "#e0572f"),
    ]:
        lay(disc(h, w, cx, cy, r), (c, c), r)
    crack = np.abs(noise(h, w, 46, rng, 4))
    cracks = smooth(0.035, 0.0, crack) * smooth(0.2, 1.2, noise(h, w, 220, rng, 3))
    picture = picture * (1 - 0.3 * cracks - 0.04 * smooth(0, 2, noise(h, w, 150, rng, 4)))[..., None]
    weave = 0.13 * (np.sin(x * 1.5) + np.sin(y * 1.5))
    return relief(picture, blur(height, 0.8) + weave - 0.8 * cracks, 0.62, 0.15)


def cubist(rng):
    """Analytic facets: a guitar, a bottle and a score broken by many planes, dabbed in ochres, greys and greens."""
    h, w = 1220, 960
    x, y = grid(h, w)
    scene = ramp(np.clip(y / h + 0.1 * noise(h, w, 200, rng), 0, 1), "#3f5866", "#7f8f8a", "#c0a878", "#7a4c2a")
    desk = polygon(h, w, [(60, 840), (470, 690), (930, 830), (900, 1060), (480, 1190), (90, 1060)])
    grain = 0.5 + 0.5 * np.sin(y / 7 + 5 * np.sin(x / 150) + 2 * noise(h, w, (40, 300), rng, 2))
    scene = mix(scene, ramp(grain, "#6f4423", "#a8713a", "#c8975a"), desk)
    cloth = polygon(h, w, [(120, 900), (420, 790), (560, 1010), (300, 1120)])
    scene = mix(scene, ramp(0.5 + 0.5 * np.sin((x + y) / 16), "#e9e0c8", "#b8b4a4"), cloth)
    score = polygon(h, w, [(560, 640), (800, 590), (880, 900), (640, 960)])
    scene = mix(scene, "#efe6cd", score)
    staff = (y + 0.21 * x) % 62
    scene = mix(scene, "#2a241c", score * (staff < 40) * smooth(1.6, 0.8, np.abs(staff % 10 - 5)))
    for _ in range(26):
        px, py = rng.uniform(590, 830), rng.uniform(650, 900)
        scene = mix(
            scene,
            "#1c1814",
            score * np.maximum(disc(h, w, px, py, 6.5), (np.abs(x - px - 6) < 1.6) * (y < py) * (y > py - 34)),
        )
    bottle = curve(
        (640, 700),
        (636, 420),
        (640, 330),
        (676, 270),
        (678, 150),
        (722, 150),
        (724, 270),
        (762, 330),
        (768, 420),
        (764, 700),
        n=90,
    )
    light = np.clip(0.5 + (x - 700) / 130, 0, 1)
    scene = mix(scene, ramp(light, "#9fb08a", "#38503f", "#16241e", "#4f6f4f", "#22382e"), polygon(h, w, bottle))
    scene = mix(scene, "#e4d3a6", polygon(h, w, [(638, 450), (766, 450), (766, 580), (638, 580)]))
    scene = mix(scene, "#8f2f22", polygon(h, w, [(655, 475), (750, 475), (750, 505), (655, 505)]))
    c, s = np.cos(-0.42), np.sin(-0.42)

    def lean(points):
        p = np.asarray(points, float)
        return np.stack([400 + p[:, 0] * c - p[:, 1] * s, 700 + p[:, 0] * s + p[:, 1] * c], 1)

    u, v = (x - 400) * c + (y - 700) * s, (y - 700) * c - (x - 400) * s
    half = curve(
        (0, -190), (95, -180), (128, -110), (88, -20), (110, 60), (172, 150), (150, 255), (60, 296), (0, 300), n=90
    )
    body = polygon(h, w, lean(np.vstack([half, half[::-1] * (-1, 1)])))
    wood = ramp(
        np.clip(0.5 + u / 360 + 0.1 * np.sin(u / 6 + noise(h, w, 60, rng, 2)), 0, 1),
        "#e0b267",
        "#c98a3f",
        "#9a5a28",
        "#6b3a1c",
    )
    scene = mix(scene, "#2a1a10", polygon(h, w, lean(np.vstack([half, half[::-1] * (-1, 1)]) * 1.045)))
    scene = mix(scene, wood, body)
    neck = polygon(h, w, lean([(-24, -180), (-20, -520), (20, -520), (24, -180), (24, 0), (-24, 0)]))
    scene = mix(scene, ramp(np.clip(0.5 + u / 48, 0, 1), "#5a3620", "#3a2214", "#22150e"), neck)
    scene = mix(scene, "#c9a878", neck * smooth(2, 1, np.abs((v + 540) % 44 - 22)) * (v < 0))
    scene = mix(scene, "#3a2214", polygon(h, w, lean([(-34, -515), (-40, -620), (40, -620), (34, -515)])))
    scene = mix(scene, "#17100c", smooth(58, 56, np.hypot(u, v - 60)))
    scene = mix(scene, "#e8cf9a", smooth(3, 1.5, np.abs(np.hypot(u, v - 60) - 66)))
    scene = mix(scene, "#2a1a10", (np.abs(u) < 62) * smooth(9, 7, np.abs(v - 205)))
    for k in range(6):
        scene = mix(scene, "#f3e6c4", smooth(1.5, 0.6, np.abs(u - (k - 2.5) * 6.6)) * (v > -600) * (v < 205))
    glass = polygon(
        h,
        w,
        table("150 560, 290 560, 268 690, 232 720, 232 800, 280 822, 160 822, 208 800, 208 720, 172 690"),
    )
    scene = mix(scene, ramp(np.clip((x - 150) / 140, 0, 1), "#dfe6dc", "#8fa3a6", "#eef0e4", "#6f8488"), 0.85 * glass)
    for fx, fy, r, colours in (
        (800, 1000, 62, ("#e8d06a", "#a8a03f", "#4f5f2a")),
        (705, 1040, 56, ("#d8763a", "#a83f24", "#4f1f18")),
    ):
        shade = np.clip(0.5 + ((x - fx) + (y - fy)) / (2.4 * r), 0, 1)
        scene = mix(scene, ramp(shade, *colours), disc(h, w, fx, fy, r))

    code, crisp = np.zeros((h, w), np.int64), np.full((h, w), 99.0)
    for _ in range(13):  # straight cuts; the sides a point lies on name its facet
        a = rng.choice([-1.1, -0.42, 0.5, 1.15, 1.57]) + rng.normal(0, 0.14)
        px, py = w / 2 + rng.normal(0, w * 0.26), h / 2 + rng.normal(0, h * 0.26)
        across = (x - px) * np.sin(a) - (y - py) * np.cos(a)
        along = (x - px) * np.cos(a) + (y - py) * np.sin(a)
        short = np.abs(along) < rng.uniform(260, 620)
        code = code * 3 + np.where(short, 1 + (across > 0), 0)
        code = code % (2**40) + 7 * (code // 2**40)
    _, facet = np.unique(code, return_inverse=True)
    facet = facet.reshape(h, w)
    n = facet.max() + 1
    seam = ndimage.maximum_filter(facet, 3) != ndimage.minimum_filter(facet, 3)
    crisp = ndimage.distance_transform_edt(~seam)
    turn, zoom = rng.normal(0, 0.1, n), rng.uniform(0.88, 1.1, n)
    shift = rng.normal(0, 20, (n, 2))
    size = np.bincount(facet.ravel(), minlength=n)
    mx, my = np.bincount(facet.ravel(), x.ravel(), n) / size, np.bincount(facet.ravel(), y.ravel(), n) / size
    dx, dy = (x - mx[facet]) * zoom[facet], (y - my[facet]) * zoom[facet]
    ct, st = np.cos(turn)[facet], np.sin(turn)[facet]
    broken = sample(
        scene, mx[facet] + dx * ct - dy * st + shift[facet, 0], my[facet] + dx * st + dy * ct + shift[facet, 1]
    )
    lean_ = rng.uniform(0, 6.28, n)[facet]
    slope = (dx * np.cos(lean_) + dy * np.sin(lean_)) / np.sqrt(size[facet] + 400)
    tints = np.stack([rgb(t) for t in ("#d9b26a", "#8f9a8a", "#5f6f6a", "#c9c0a4", "#a8683a", "#4a6478", "#e9dcb8")])
    tint = tints[rng.integers(0, len(tints), n)][facet]
    amount = (np.abs(rng.normal(0, 0.16, n)).clip(0, 0.42))[facet]
    flat = mix(broken, tint, amount) * (1 + 0.75 * slope.clip(-0.8, 0.8))[..., None]
    rim = np.exp(-crisp / 16) * rng.choice([-0.45, 0.0, 0.35], n)[facet]
    flat = np.clip(flat * (1 + rim)[..., None], 0, 1)
    oil = Oil(flat, rng)
    tilt = (0.12 * rng.normal(0, 1, n) + rng.choice([0, 0, 0.5, -0.5], n))[facet]
    oil.colour = flat * 0.9 + 0.1 * oil.colour
    oil.along(flat, tilt, 9, 17, 9, hue=0.03, load=0.6)
    fine = np.clip(np.hypot(*np.gradient(blur(flat.mean(-1), 1))) * 14, 0.05, 1)
    oil.along(flat, tilt, 5, 7, 4, hue=0.04, where=fine, load=0.8)
    oil.colour = mix(oil.colour, flat, 0.9 * np.exp(-((crisp / 7) ** 2)))
    edges = smooth(2.6, 0.8, crisp) * smooth(-0.7, 0.5, noise(h, w, 70, rng, 3))
    oil.colour = mix(oil.colour, "#1d1712", 0.85 * edges)
    return np.clip(1.12 * oil.finish(0.7, 0.2), 0, 1)


PAINTERS = {
    f.__name__: f
    for f in (
        brushstrokes,
        cubist,
        ink_hatching,
        marbled,
        mosaic,
        pointillism,
        stained_glass,
        suprematism,
        watercolour,
        woodcut_waves,
    )
}
