"""Demo content made on this machine: a film, an album, a book and a zip, with covers.

Everything is drawn and composed here, so nobody's rights are touched and nothing
has to be downloaded. The files are real ones, as large as their kind is.
"""

from __future__ import annotations

import array
import io
import math
import zipfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageChops, ImageDraw, ImageFilter

__all__ = ["make_album", "make_book", "make_brushes", "make_cover", "make_film"]

RATE = 48_000
Colour = tuple[int, int, int]


# --- Pictures ---------------------------------------------------------------------------


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def _turtle(draw: ImageDraw.ImageDraw, x: float, y: float, scale: float, beat: float) -> None:
    """A sea turtle seen from above, swimming to the right; `beat` is the phase of its flippers."""
    swing = math.sin(beat) * 26 * scale
    shell, skin, line = (38, 98, 84), (104, 150, 116), (22, 64, 58)

    def flipper(px: float, py: float, dx: float, dy: float) -> None:
        points = [(px, py), (px - dx * 0.4, py + dy), (px - dx, py + dy * 1.1), (px - dx * 0.5, py)]
        draw.polygon(points, fill=skin)

    for side in (-1, 1):
        flipper(x + 48 * scale, y + side * 38 * scale, 70 * scale, side * (66 * scale + swing))
        flipper(x - 56 * scale, y + side * 26 * scale, 38 * scale, side * (30 * scale - swing / 2))
    draw.ellipse(
        (x + 74 * scale, y - 22 * scale, x + 126 * scale, y + 22 * scale), fill=skin, outline=line
    )
    draw.ellipse((x - 92 * scale, y - 64 * scale, x + 88 * scale, y + 64 * scale), fill=shell)
    for row in range(-1, 2):
        for column in range(-1, 2):
            cx, cy = x + column * 46 * scale, y + row * 34 * scale
            points = [
                (cx + 22 * scale * math.cos(k * math.pi / 3), cy + 15 * scale * math.sin(k * math.pi / 3))
                for k in range(6)
            ]  # fmt: skip
            draw.polygon(points, outline=line, fill=(52, 120, 100))


def make_cover(path: Path, *, top: Colour, bottom: Colour, motif: str) -> None:
    """Draw a square cover of 1200 px as PNG. `motif` is film, album, book or brushes."""
    size = (1200, 1200)
    image = _gradient(size, top, bottom)
    glow = Image.new("RGB", size, (0, 0, 0))
    ImageDraw.Draw(glow).ellipse((620, 80, 1060, 520), fill=(255, 214, 150))
    image = ImageChops.screen(image, glow.filter(ImageFilter.GaussianBlur(90)))
    draw = ImageDraw.Draw(image)
    if motif == "film":
        _turtle(draw, 560, 640, 3.4, 0.8)
    elif motif == "album":
        for ring in range(14):
            radius = 470 - ring * 32
            tone = 40 + ring * 13
            box = (600 - radius, 600 - radius, 600 + radius, 600 + radius)
            draw.ellipse(box, outline=(tone + 60, tone + 30, tone + 80), width=9)
        draw.ellipse((540, 540, 660, 660), fill=(250, 240, 220))
    elif motif == "book":
        for wave in range(9):
            base = 520 + wave * 78
            points = [(x, base + 34 * math.sin(x / 130 + wave)) for x in range(0, 1201, 10)]
            shade = (250 - wave * 22, 240 - wave * 18, 225 - wave * 9)
            draw.polygon([*points, (1200, 1200), (0, 1200)], fill=shade)
    else:
        for stroke in range(12):
            y = 150 + stroke * 80
            points = [(120 + x, y + 30 * math.sin(x / 90 + stroke)) for x in range(0, 960, 6)]
            paint = (255 - stroke * 14, 120 + stroke * 9, 90 + stroke * 12)
            draw.line(points, fill=paint, width=10 + stroke * 4, joint="curve")
    image.save(path, "PNG")


# --- Sound ------------------------------------------------------------------------------


def _note(frequency: float, seconds: float, volume: float = 0.28) -> array.array[int]:
    """One plucked note: a few harmonics that fade, as 16-bit samples."""
    samples = array.array("h")
    step = 2 * math.pi * frequency / RATE
    for n in range(int(seconds * RATE)):
        fade = math.exp(-2.6 * n / RATE) * min(1.0, n / 400)
        tone = math.sin(step * n) + 0.4 * math.sin(2 * step * n) + 0.15 * math.sin(3 * step * n)
        samples.append(int(32_000 * volume * fade * tone))
    return samples


def _tune(scale: list[float], seed: int, seconds: float) -> bytes:
    """A melody over `scale` in mono, 16-bit little endian, without chance: `seed` sets its walk."""
    beat = 0.4
    notes = [_note(f, beat).tobytes() for f in scale]
    position, out = seed, bytearray()
    while len(out) < seconds * RATE * 2:
        position = (position * 5 + 3 + len(out) // 38_400) % 97
        out += notes[position % len(notes)]
    return bytes(out[: int(seconds * RATE) * 2])


def _audio_frames(pcm: bytes, *, size: int) -> Iterator[av.AudioFrame]:
    for start in range(0, len(pcm) // 2, size):
        chunk = pcm[start * 2 : (start + size) * 2]
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(chunk) // 2)
        frame.planes[0].update(chunk.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate = RATE
        frame.pts = start
        frame.time_base = Fraction(1, RATE)
        yield frame


PENTATONIC = [261.6, 293.7, 329.6, 392.0, 440.0, 523.3]


def make_album(folder: Path, *, seconds: float = 45) -> list[Path]:
    """Three FLAC tracks with Korean titles in their names and tags."""
    titles = ["파도의 시작", "거북이의 하루", "달빛 아래 바다"]
    paths = []
    for number, title in enumerate(titles, start=1):
        path = folder / f"{number:02} {title}.flac"
        with av.open(str(path), "w", format="flac") as container:
            container.metadata.update(
                title=title, artist="바다소리", album="바다의 노래", track=str(number)
            )
            stream = container.add_stream("flac", rate=RATE, layout="mono")
            scale = [f * (1, 0.75, 1.5)[number - 1] for f in PENTATONIC]
            for frame in _audio_frames(_tune(scale, number * 7, seconds), size=4608):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        paths.append(path)
    return paths


# --- Film -------------------------------------------------------------------------------

FRAMES_PER_SECOND = 24
FRAME = (1280, 720)


def _frames(count: int) -> Iterator[Image.Image]:
    """A turtle crosses a sea under falling light; grain like that of real film."""
    sea = _gradient(FRAME, (18, 118, 150), (4, 26, 58))
    grain = [
        Image.merge("RGB", [Image.effect_noise(FRAME, 44).point(lambda v: max(0, v - 128))] * 3)
        for _ in range(8)
    ]
    for number in range(count):
        image = sea.copy()
        draw = ImageDraw.Draw(image)
        for ray in range(5):
            x = (ray * 310 + number * 2) % 1700 - 200
            draw.polygon([(x, 0), (x + 70, 0), (x - 130, 720), (x - 330, 720)], fill=(20, 96, 130))
        for bubble in range(18):
            bx = (bubble * 173 + 20 * math.sin(number / 20 + bubble)) % 1280
            by = 720 - (number * (2 + bubble % 3) + bubble * 97) % 760
            radius = 3 + bubble % 6
            draw.ellipse(
                (bx - radius, by - radius, bx + radius, by + radius), outline=(170, 220, 230)
            )
        _turtle(
            draw, (number * 2.2) % 1600 - 160, 360 + 60 * math.sin(number / 40), 1.5, number / 5
        )
        yield ImageChops.add(image, grain[number % 8])


def make_film(
    path: Path, *, seconds: int = 60, bit_rate: int = 16_000_000, say: Callable[[str], object]
) -> None:
    """An H.264/AAC MP4 of moving picture and sound; about 120 MB at the defaults."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        container.metadata["title"] = "거북의 바다"
        picture = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        picture.width, picture.height = FRAME
        picture.pix_fmt = "yuv420p"
        picture.bit_rate = bit_rate
        picture.options = {"preset": "ultrafast", "g": "48"}
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        music = _audio_frames(_tune(PENTATONIC, 11, seconds), size=1024)
        frames = seconds * FRAMES_PER_SECOND
        for number, image in enumerate(_frames(frames)):
            if number % (10 * FRAMES_PER_SECOND) == 0:
                say(f"  drawing the film: {number * 100 // frames} %")
            shot = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]  # PyAV's own gap
            container.mux(picture.encode(shot))
            # Sound goes beside the picture, so that a player finds both at any place.
            for frame in music:
                container.mux(sound.encode(frame))
                if frame.pts is not None and frame.pts > (number + 1) * RATE // FRAMES_PER_SECOND:
                    break
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))


# --- Book and zip -----------------------------------------------------------------------


def make_book(path: Path, *, pages: int = 12) -> None:
    """A picture book as PDF: a turtle's way across the pages."""
    sheets = []
    for page in range(pages):
        warm = page * 15
        sheet = _gradient((1240, 1754), (255, 244 - warm // 3, 220 - warm), (90 + warm, 170, 190))
        draw = ImageDraw.Draw(sheet)
        for wave in range(5):
            base = 1200 + wave * 110
            points = [(x, base + 28 * math.sin(x / 110 + wave + page)) for x in range(0, 1241, 10)]
            draw.polygon([*points, (1240, 1754), (0, 1754)], fill=(30, 110 - wave * 14, 140))
        _turtle(draw, 180 + page * 75, 1120 - page * 50, 1.7, page * 0.9)
        draw.text((600, 1690), str(page + 1), fill=(255, 255, 255))
        sheets.append(sheet)
    sheets[0].save(
        path, "PDF", save_all=True, append_images=sheets[1:], resolution=150, title="거북이의 여행"
    )


def make_brushes(path: Path, *, count: int = 24) -> None:
    """A zip of brush textures (PNG) with a note in Korean and English."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("읽어보세요 README.txt", "먹 붓 24종. 자유롭게 쓰세요.\n24 ink brushes.\n")
        for number in range(count):
            noise = Image.effect_noise((512, 512), 30 + number * 6)
            mask = Image.new("L", (512, 512), 0)
            ImageDraw.Draw(mask).ellipse((40, 200 - number * 4, 472, 312 + number * 4), fill=255)
            brush = Image.new("LA", (512, 512), (0, 0))
            brush.putalpha(ImageChops.multiply(noise, mask.filter(ImageFilter.GaussianBlur(18))))
            buffer = io.BytesIO()
            brush.save(buffer, "PNG")
            archive.writestr(f"brushes/brush-{number + 1:02}.png", buffer.getvalue())
