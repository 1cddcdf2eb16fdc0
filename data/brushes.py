"""The painter's box: noise, colour, masks, brush strokes, paper and a small ray marcher, shared by every picture.

Pictures are float32 arrays (H, W, 3), sRGB in [0, 1]; masks and heights are (H, W). Every random choice comes from the
generator that the caller passes, so a picture is the same each time it is painted.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

# Colour ---------------------------------------------------------------------------------------------------------------


def rgb(colour):
    """`"#rrggbb"` as three floats in [0, 1]."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


def ramp(t, *colours):
    """Colours for every `t` in [0, 1], blended evenly along the list."""
    stops = np.stack([rgb(c) if isinstance(c, str) else np.asarray(c, np.float32) for c in colours])
    position = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, position, stops[:, k]) for k in range(3)], -1).astype(np.float32)


def mix(a, b, amount):
    """`a` where `amount` (H, W) is 0, `b` where it is 1; either may be one colour, as `"#rrggbb"` or three floats."""
    a, b = (rgb(c) if isinstance(c, str) else c for c in (a, b))
    amount = np.asarray(amount, np.float32)[..., None]
    return a * (1 - amount) + b * amount


def smooth(low, high, x):
    """0 below `low`, 1 above `high`, an S-curve between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


# Fields ---------------------------------------------------------------------------------------------------------------


def grid(h, w):
    """Pixel coordinates x, y, each (H, W)."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    return x, y


def resize(field, h, w):
    """Bicubic resize of a (H, W) field."""
    return np.asarray(Image.fromarray(np.asarray(field, np.float32)).resize((w, h), Image.BICUBIC))


def noise(h, w, cell, rng, octaves=4, gain=0.5):
    """Fractal noise with mean 0 and deviation 1; `cell` is its largest feature in pixels, or (down, across)."""
    down, across = cell if isinstance(cell, tuple) else (cell, cell)
    total = np.zeros((h, w), np.float32)
    for k in range(octaves):
        gy, gx = max(down / 2**k, 1), max(across / 2**k, 1)
        rows, columns = int(h / gy) + 4, int(w / gx) + 4
        big = resize(rng.standard_normal((rows, columns)), int(rows * gy), int(columns * gx))
        dy, dx = rng.integers(0, max(big.shape[0] - h, 0) + 1), rng.integers(0, max(big.shape[1] - w, 0) + 1)
        total += gain**k * big[dy : dy + h, dx : dx + w]
    return (total - total.mean()) / total.std()


def blur(field, sigma):
    """Gaussian blur over the two picture axes."""
    sigma = (sigma, sigma, 0) if np.ndim(field) == 3 else sigma
    return ndimage.gaussian_filter(field, sigma, mode="nearest")


def sample(field, x, y):
    """`field` read at real-valued pixel positions, mirrored at the border."""
    if field.ndim == 3:
        return np.stack([sample(field[..., k], x, y) for k in range(field.shape[2])], -1)
    return ndimage.map_coordinates(field, [y, x], order=1, mode="mirror")


def table(text):
    """Rows of numbers from a string, `"x y, x y, ..."`: a drawing's corners on few lines."""
    return [tuple(float(v) for v in row.split()) for row in text.split(",")]


def polygon(h, w, points, fine=3):
    """Antialiased mask (H, W) of a polygon given as (x, y) points."""
    image = Image.new("L", (w * fine, h * fine))
    ImageDraw.Draw(image).polygon([(float(x) * fine, float(y) * fine) for x, y in points], fill=255)
    return np.asarray(image.resize((w, h), Image.BOX), np.float32) / 255


def disc(h, w, cx, cy, r):
    """Antialiased mask of a disc."""
    x, y = grid(h, w)
    return np.clip(r - np.hypot(x - cx, y - cy) + 0.5, 0, 1)


def curve(*points, n=60):
    """Catmull-Rom spline through (x, y) points, (n, 2)."""
    p = np.asarray(points, np.float64)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, len(points) - 1, n)
    i = np.minimum(t.astype(int), len(points) - 2)
    f = (t - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)


# Surfaces -------------------------------------------------------------------------------------------------------------


def relief(picture, height, strength=1.0, gloss=0.0):
    """Light the surface `height` from the upper left, as a painting hung near a window."""
    dy, dx = np.gradient(height)
    slope = strength * (dx + dy)
    shade = slope / np.sqrt(1 + slope**2)
    return np.clip(picture * (1 + 0.45 * shade[..., None]) + gloss * np.maximum(shade - 0.35, 0)[..., None], 0, 1)


def paper(h, w, rng, colour="#f4ecdc", tooth=0.02, fibres=300):
    """A sheet of paper: tint, tooth and a few fibres."""
    sheet = rgb(colour) * (1 + tooth * noise(h, w, 4, rng, 2) + 0.6 * tooth * noise(h, w, 120, rng, 4))[..., None]
    layer = Image.new("L", (w, h))
    draw = ImageDraw.Draw(layer)
    for _ in range(fibres):
        x, y, a = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0, 6.3)
        b, n = a + rng.normal(0, 0.5), rng.uniform(4, 14)
        middle = (x + n * np.cos(a), y + n * np.sin(a))
        draw.line(
            [(x, y), middle, (middle[0] + n * np.cos(b), middle[1] + n * np.sin(b))], fill=int(rng.uniform(20, 90))
        )
    return np.clip(sheet - 0.16 * (np.asarray(layer, np.float32) / 255)[..., None], 0, 1).astype(np.float32)


class Oil:
    """A canvas that takes loaded brush strokes: `colour` (H, W, 3) and the thickness of the paint, `height` (H, W)."""

    def __init__(self, ground, rng):
        self.colour, self.rng = np.array(ground, np.float32), rng
        self.height = np.zeros(self.colour.shape[:2], np.float32)
        self.bristles = noise(256, 512, (5, 160), rng, 3)

    def stroke(self, x, y, angle, bend, length, width, colour, load=1.0):
        """One stroke: an arc of curvature `bend` about (x, y), streaked by the bristles of the brush."""
        h, w = self.height.shape
        reach = int(length / 2 + width) + 1
        x0, x1, y0, y1 = max(int(x) - reach, 0), min(int(x) + reach, w), max(int(y) - reach, 0), min(int(y) + reach, h)
        if x0 >= x1 or y0 >= y1:
            return
        dx, dy = np.arange(x0, x1, dtype=np.float32)[None] - x, np.arange(y0, y1, dtype=np.float32)[:, None] - y
        u = dx * np.cos(angle) + dy * np.sin(angle)
        v = dy * np.cos(angle) - dx * np.sin(angle) - bend * u * u / 2
        shape = 1 - (2 * v / width) ** 2 - np.abs(2 * u / length) ** 5
        row, column = self.rng.integers(0, 200), self.rng.integers(0, 400)
        hair = self.bristles[
            np.clip((v + 28).astype(int), 0, 55) + row, np.clip((u * 0.5 + 56).astype(int), 0, 111) + column
        ]
        cover = np.clip(shape * 2.2 + 0.45 * hair * (shape > 0), 0, 1) * load
        tint = colour * (1 + 0.07 * hair[..., None])
        here = np.s_[y0:y1, x0:x1]
        self.colour[here] += (tint - self.colour[here]) * cover[..., None]
        ridge = 1 + 0.5 * hair + 1.2 * np.clip(np.abs(2 * v / width) ** 3, 0, 1)
        self.height[here] += (self.height[here] * 0.35 + ridge - self.height[here]) * cover

    def along(self, scene, angle, spacing, length, width, wander=0.05, hue=0.05, where=None, load=1.0):
        """Cover the canvas with strokes that follow `angle` (H, W) and take their colour from `scene`, a little off."""
        rng, (h, w) = self.rng, self.height.shape
        x, y = np.meshgrid(np.arange(spacing / 2, w, spacing), np.arange(spacing / 2, h, spacing))
        points = np.stack([x.ravel(), y.ravel()], 1) + rng.normal(0, spacing * 0.45, (x.size, 2))
        for px, py in rng.permutation(points):
            ix, iy = int(np.clip(px, 0, w - 1)), int(np.clip(py, 0, h - 1))
            if where is not None and rng.random() > where[iy, ix]:
                continue
            a, n = angle[iy, ix], length * rng.uniform(0.7, 1.3)
            ahead = angle[int(np.clip(py + 6 * np.sin(a), 0, h - 1)), int(np.clip(px + 6 * np.cos(a), 0, w - 1))]
            bend = np.clip(np.arctan2(np.sin(2 * (ahead - a)), np.cos(2 * (ahead - a))) / 12, -1.2 / n, 1.2 / n)
            colour = np.clip(scene[iy, ix] * (1 + rng.normal(0, hue)) + rng.normal(0, hue * 0.6, 3), 0, 1)
            self.stroke(px, py, a + rng.normal(0, wander), bend, n, width * rng.uniform(0.75, 1.25), colour, load)

    def finish(self, strength=0.9, gloss=0.25):
        """The dry painting in raking light."""
        return relief(self.colour, blur(self.height, 0.7), strength, gloss)


# Solids ---------------------------------------------------------------------------------------------------------------


class Camera:
    """A pinhole: `rays(h, w)` gives unit directions (H·W, 3) from `eye` to `target`; y is up, x runs to the right."""

    def __init__(self, eye, target, focal=1.6):
        self.eye, self.focal = np.array(eye, np.float32), focal
        forward = np.array(target, np.float32) - self.eye
        self.forward = forward / np.linalg.norm(forward)
        right = np.cross([0, 1, 0], self.forward)
        self.right = right / np.linalg.norm(right)
        self.up = np.cross(self.forward, self.right)

    def rays(self, h, w, dx=0.5, dy=0.5):
        x, y = grid(h, w)
        x, y = (x + dx - w / 2) * 2 / max(h, w), (h / 2 - y - dy) * 2 / max(h, w)
        d = x[..., None] * self.right + y[..., None] * self.up + self.focal * self.forward
        return (d / np.linalg.norm(d, axis=-1, keepdims=True)).reshape(-1, 3).astype(np.float32)


def march(scene, origin, direction, far=60.0, steps=110, near=0.01, careful=0.9):
    """Distance along each ray to the surface where `scene` (points to distances (parts, N)) is zero; `far` if none."""
    origin = np.broadcast_to(origin, direction.shape)
    t = np.full(len(direction), near, np.float32)
    alive = np.arange(len(direction))
    for _ in range(steps):
        d = scene(origin[alive] + t[alive, None] * direction[alive]).min(0)
        t[alive] += careful * d
        alive = alive[(d > 0.0006 * t[alive]) & (t[alive] < far)]
        if not len(alive):
            break
    return np.minimum(t, far)


def normals(scene, p, e=0.004):
    """Unit normals by central differences on a tetrahedron."""
    k = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    n = sum(k[i] * scene(p + e * k[i]).min(0)[:, None] for i in range(4))
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9)


def shadow(scene, p, light, soft=10.0, far=12.0, steps=26):
    """How much of a broad light in direction `light` reaches each point, 0 to 1."""
    lit, t = np.ones(len(p), np.float32), np.full(len(p), 0.04, np.float32)
    alive = np.arange(len(p))
    for _ in range(steps):
        d = scene(p[alive] + t[alive, None] * light).min(0)
        lit[alive] = np.minimum(lit[alive], np.clip(0.5 + 0.5 * soft * d / t[alive], 0, 1))
        t[alive] += np.clip(d, 0.03, 0.6)
        alive = alive[(lit[alive] > 0.01) & (t[alive] < far)]
        if not len(alive):
            break
    return lit * lit * (3 - 2 * lit)


def crevices(scene, p, n, reach=0.5):
    """Ambient occlusion, 1 in the open and lower in corners."""
    dark = sum((reach * k / 4 - scene(p + n * reach * k / 4).min(0)) / 2**k for k in range(1, 5))
    return np.clip(1 - 1.6 * dark / reach, 0, 1)


def box(p, centre, half, turn=0.0, round_=0.0):
    """Distance to a box turned by `turn` about the vertical."""
    q = p - np.asarray(centre, np.float32)
    if turn:
        c, s = np.cos(turn), np.sin(turn)
        q = np.stack([c * q[:, 0] - s * q[:, 2], q[:, 1], s * q[:, 0] + c * q[:, 2]], 1)
    q = np.abs(q) - (np.asarray(half, np.float32) - round_)
    return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(1), 0) - round_


def ball(p, centre, r):
    """Distance to a sphere."""
    return np.linalg.norm(p - np.asarray(centre, np.float32), axis=1) - r


def rod(p, a, b, r, r2=None):
    """Distance to a rod from `a` to `b`, of radius `r` at `a` and `r2` at `b`."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    t = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(p - a - t[:, None] * (b - a), axis=1) - (r + ((r if r2 is None else r2) - r) * t)


def turned(p, centre, profile):
    """Distance to a solid of revolution whose outline is the closed polygon `profile` of (radius, height)."""
    q = p - np.asarray(centre, np.float32)
    table, low, cell = _lathe(tuple(map(tuple, profile)))
    spot = np.stack([q[:, 1], np.hypot(q[:, 0], q[:, 2])])
    inside = np.clip((spot - low) / cell, 0, np.array(table.shape)[:, None] - 1)
    beyond = np.hypot(*(spot - low - inside * cell))
    return ndimage.map_coordinates(table, inside, order=1) + beyond


@lru_cache
def _lathe(profile):
    """The outline's distances on a fine grid of (height, radius), read instead of computed."""
    v = np.array(profile)
    cell = np.array([[np.ptp(v[:, 1]) + 0.4], [v[:, 0].max() + 0.2]]) / 200
    low = np.array([[v[:, 1].min() - 0.2], [0.0]])
    y, r = np.mgrid[0:201, 0:201]
    table = outline((r * cell[1]).ravel(), (y * cell[0] + low[0]).ravel(), profile).reshape(201, 201)
    return table.astype(np.float32), low, cell


def outline(x, y, points):
    """Signed distance in the plane to a closed polygon."""
    v = np.asarray(points, np.float32)
    d, sign = np.full(x.shape, 1e9, np.float32), np.ones(x.shape, np.float32)
    for a, b in zip(v, np.roll(v, 1, 0), strict=True):
        e, wx, wy = b - a, x - a[0], y - a[1]
        t = np.clip((wx * e[0] + wy * e[1]) / (e @ e), 0, 1)
        d = np.minimum(d, (wx - e[0] * t) ** 2 + (wy - e[1] * t) ** 2)
        above, below, side = y >= a[1], y < b[1], e[0] * wy > e[1] * wx
        sign = np.where((above & below & side) | (~above & ~below & ~side), -sign, sign)
    return sign * np.sqrt(d)


def melt(a, b, k):
    """Smooth union of two distances."""
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return b + (a - b) * h - k * h * (1 - h)


def hash2(i, j=0.0, salt=0.0):
    """A fixed pseudo-random number in [0, 1) for whole numbers `i`, `j`."""
    return np.mod(np.sin(i * 127.1 + j * 311.7 + salt * 74.7) * 43758.547, 1.0)
