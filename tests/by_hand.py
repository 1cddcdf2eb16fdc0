"""Picture files written byte by byte from arrays, for the tests: what they hold is known without any library."""

import struct
import zlib

import numpy as np


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples, bits, colours, *chunks, size=None):
    """A PNG from whole numbers (H, W, C); `colours`: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    height, width, _ = samples.shape
    places = np.arange(bits - 1, -1, -1)
    rows = (np.packbits((row.reshape(-1, 1) >> places & 1).reshape(-1).astype(np.uint8)) for row in samples)
    head = struct.pack(">IIBBBBB", *(size or (width, height)), bits, colours, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    inner = b"".join(chunk(*each) for each in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + inner + chunk(b"IDAT", body) + chunk(b"IEND", b"")


KINDS = {"u": 1, "i": 2, "f": 3}  # of numbers, in a TIFF


def tiff(*pages, order="<", deflate=False, apart=False):
    """A TIFF from pages of (array (H, W, C), photometric, {tag: whole numbers or bytes}), one strip each."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    body, link, links = b"", 4, {}
    for array, photometric, more in pages:
        height, width, channels = array.shape
        planes = np.moveaxis(array, -1, 0) if apart else [array]
        strips = [np.ascontiguousarray(plane).astype(array.dtype.newbyteorder(order)).tobytes() for plane in planes]
        strips = [zlib.compress(strip) for strip in strips] if deflate else strips
        offsets = [8 + len(body) + sum(map(len, strips[:i])) for i in range(len(strips))]
        body += b"".join(strips)
        tags = {256: width, 257: height, 258: [8 * array.itemsize] * channels, 259: 8 if deflate else 1}
        tags |= {262: photometric, 273: offsets, 277: channels, 278: height, 279: list(map(len, strips))}
        tags |= {284: 2 if apart else 1, 339: [KINDS[array.dtype.kind]] * channels, **more}
        body += bytes(len(body) % 2)
        values, fields = b"", b""
        at = 8 + len(body) + 2 + 12 * len(tags) + 4
        for tag, value in sorted(tags.items()):
            numbers = value if isinstance(value, (list, tuple, bytes)) else [value]
            kind, letter = (7, "B") if isinstance(value, bytes) else (4, "I")
            packed = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
            fields += struct.pack(f"{order}HHI", tag, kind, len(numbers))
            fields += packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(f"{order}I", at + len(values))
            values += packed + bytes(len(packed) % 2) if len(packed) > 4 else b""
        links[link] = 8 + len(body)
        body += struct.pack(f"{order}H", len(tags)) + fields
        link = 8 + len(body)
        body += bytes(4) + values
    data = bytearray(start + bytes(4) + body)
    for place, target in links.items():
        data[place : place + 4] = struct.pack(f"{order}I", target)
    return bytes(data)


def gif(frames, size=(8, 8)):
    """A GIF of so many frames, each of one colour: the first of colour 1, the others of colour 2."""
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x91, 0, 0) + bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])

    def frame(colour):
        # Codes of 3 bits, cleared before each pixel, so that they never grow.
        codes = [code for _ in range(size[0] * size[1]) for code in (4, colour)] + [5]
        bits = np.array([code >> place & 1 for code in codes for place in range(3)], np.uint8)
        data = np.packbits(bits, bitorder="little").tobytes()
        blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
        return b"," + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\x02" + blocks + b"\0"

    return head + frame(1) + frame(2) * (frames - 1) + b";"


def segments(jpeg):
    """The (marker, bytes) of a JPEG from its second on; the data of a scan belong to the scan."""
    at = 2
    while at < len(jpeg) - 2:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] == 0xDA:
            while jpeg[end] != 0xFF or jpeg[end + 1] == 0 or 0xD0 <= jpeg[end + 1] <= 0xD7:
                end += 1
        yield jpeg[at + 1], jpeg[at:end]
        at = end
