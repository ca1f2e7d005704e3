#!/usr/bin/env python3
"""Draws docs/icons: pictures of 20 by 22 pixels for folder lists.

Their names are those that configurations of Apache refer to. Each comes as GIF
and as PNG; run this file with the target folder after a change:

    python3 docs/tools/make-icons.py docs/icons
"""
import math
import struct
import sys
import zlib

WIDTH, HEIGHT = 20, 22
CLEAR = None
INK, PAPER, FOLD = 0x4A5A70, 0xFFFFFF, 0xCBD6E4
BLUE, GREEN, RED = 0x2F6FB5, 0x2E8B57, 0xC0392B
ORANGE, PURPLE, TEAL = 0xD9822B, 0x7D4FA8, 0x1F8A8A
GRAY, DARK, YELLOW = 0x8A97A8, 0x2B3442, 0xF4C755
BROWN, SKY, PALE = 0xB07D1A, 0x9CC4EA, 0xE9EEF5

# Letters of 3 by 5 pixels, row by row.
FONT = {
    "A": "010101111101101", "B": "110101110101110", "C": "011100100100011",
    "D": "110101101101110", "E": "111100110100111", "F": "111100110100100",
    "G": "011100101101011", "H": "101101111101101", "I": "111010010010111",
    "K": "101101110101101", "L": "100100100100111", "M": "101111111101101",
    "N": "110101101101101", "O": "010101101101010", "P": "110101110100100",
    "Q": "010101101110011", "R": "110101110101101", "S": "011100010001110",
    "T": "111010010010010", "U": "101101101101111", "V": "101101101101010",
    "W": "101101111111101", "X": "101101010101101", "Z": "111001010100111",
    "0": "111101101101111", "1": "010110010010111", "?": "111001010000010",
    "/": "001001010100100", "+": "000010111010000", "-": "000000111000000",
    "<": "001010100010001", ">": "100010001010100", "#": "101111101111101",
}


class Picture:
    """A grid of colours; None is transparent."""

    def __init__(self):
        self.rows = [[CLEAR] * WIDTH for _ in range(HEIGHT)]

    def dot(self, x, y, colour):
        if 0 <= x < WIDTH and 0 <= y < HEIGHT:
            self.rows[y][x] = colour

    def box(self, x0, y0, x1, y1, fill, edge=None):
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                on_edge = x in (x0, x1) or y in (y0, y1)
                self.dot(x, y, edge if edge is not None and on_edge else fill)

    def disc(self, cx, cy, r, fill, edge=None):
        for y in range(HEIGHT):
            for x in range(WIDTH):
                d = ((x - cx) ** 2 + (y - cy) ** 2) ** 0.5
                if d <= r:
                    self.dot(x, y, edge if edge is not None and d > r - 1.1 else fill)

    def rows_at(self, x, y, text, colours):
        """Pixel rows: each letter of `text` is looked up in `colours`."""
        for dy, row in enumerate(text.split("|")):
            for dx, c in enumerate(row):
                if c in colours:
                    self.dot(x + dx, y + dy, colours[c])

    def word(self, x, y, word, colour, size=1):
        for i, letter in enumerate(word):
            bits = FONT[letter]
            for n, bit in enumerate(bits):
                if bit == "1":
                    px, py = x + (i * 4 + n % 3) * size, y + n // 3 * size
                    self.box(px, py, px + size - 1, py + size - 1, colour)


def page(paper=PAPER, edge=INK):
    """A sheet with a folded corner."""
    p = Picture()
    p.box(3, 1, 16, 20, paper, edge)
    for i in range(5):
        for x in range(12 + i, 17):
            p.dot(x, 1 + i, CLEAR)
        p.dot(12 + i, 1 + i, edge)
        for y in range(1 + i, 6):
            p.dot(12 + i, y, edge if y in (1 + i, 5) else FOLD)
    p.box(12, 5, 16, 5, edge)
    p.box(12, 1, 12, 5, edge)
    return p


def lines(p, colour, first=8, last=18, step=2):
    for n, y in enumerate(range(first, last + 1, step)):
        p.box(5, y, 14 - (3 if n % 3 == 2 else 0), y, colour)
    return p


def labelled(word, colour):
    """A sheet with a coloured band and a word of one to three letters."""
    p = lines(page(), FOLD, 8, 8)
    p.box(3, 11, 16, 17, colour)
    p.word(4 + (12 - (len(word) * 4 - 1)) // 2, 12, word, PAPER)
    return p


def letter(char, colour):
    """A sheet with one large letter."""
    p = page()
    p.word(7, 8, char, colour, 2)
    return p


def pictured(art, colours, x=5, y=8):
    p = page()
    p.rows_at(x, y, art, colours)
    return p


def folder(face=YELLOW, edge=BROWN):
    p = Picture()
    p.box(1, 4, 9, 8, face, edge)
    p.box(1, 6, 18, 18, face, edge)
    p.box(2, 5, 8, 7, face)
    p.box(2, 8, 17, 8, 0xFBE3A2)
    return p


def folder_open():
    p = folder()
    for y in range(10, 19):
        shift = (18 - y) // 3
        p.box(1 + shift, y, 16 + shift, y, 0xFBE3A2)
        p.dot(1 + shift, y, BROWN)
        p.dot(16 + shift, y, BROWN)
    p.box(1, 18, 16, 18, BROWN)
    p.box(3, 10, 18, 10, BROWN)
    return p


def lock(p):
    p.box(9, 13, 17, 20, ORANGE, BROWN)
    p.rows_at(10, 9, ".###.|#...#|#...#|#...#", {"#": BROWN})
    p.box(13, 15, 13, 17, BROWN)
    return p


def arrow(way, colour=BLUE):
    p = Picture()
    for i in range(7):
        for x in range(9 - i, 11 + i):
            p.dot(x, 3 + i, colour)
    p.box(7, 10, 12, 18, colour)
    if way == "up":
        return p
    q = Picture()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            c = p.rows[y][x]
            if c is not None:
                cx, cy = x - 9.5, y - 10.5
                dx, dy = {"down": (cx, -cy), "left": (cy, cx), "right": (-cy, cx)}[way]
                q.dot(round(dx + 9.5), round(dy + 10.5), c)
    return q


def back():
    p = Picture()
    p.rows_at(2, 5, "....##|...###|..####|.#############|##############|.#############"
              "|..####.....###|...###.....###|....##.....###|...........###|....##########"
              "|....##########|....#########", {"#": BLUE})
    return p


def ball(colour, edge=DARK):
    p = Picture()
    p.disc(9.5, 10.5, 6.5, colour, edge)
    p.box(6, 7, 8, 8, PAPER)
    return p


def world(sea, land):
    p = Picture()
    p.disc(9.5, 10.5, 8.6, sea, DARK)
    p.rows_at(4, 4, "...##.....|.#####..##|.####...##|..###....#|...#.....#|...##.....|"
              "...###..##|...###..##|....#...#.|....#.....|.........." , {"#": land})
    return p


def archive(colour, word=None):
    """A parcel, closed by a zip."""
    p = page()
    for y in range(2, 12):
        p.box(7 + y % 2, y, 8 + y % 2, y, colour)
    p.box(6, 11, 10, 15, colour)
    p.box(7, 13, 9, 14, PAPER)
    if word:
        p.word(4 + (12 - (len(word) * 4 - 1)) // 2, 15, word, colour)
    return p


def parcel(face):
    p = Picture()
    p.box(2, 6, 17, 19, face, BROWN)
    p.box(2, 6, 17, 9, 0xE4C38A, BROWN)
    p.box(8, 6, 11, 12, PALE, BROWN)
    return p


def image(sky, hill):
    p = page()
    p.box(4, 8, 15, 18, sky)
    p.disc(12, 10.5, 1.6, YELLOW)
    for i, h in enumerate([1, 2, 3, 4, 5, 4, 3, 3, 4, 3, 2, 2]):
        p.box(4 + i, 18 - h, 4 + i, 18, hill)
    return p


def screen():
    p = Picture()
    p.box(2, 3, 17, 15, SKY, INK)
    p.box(3, 4, 16, 5, BLUE)
    p.box(8, 16, 11, 17, INK)
    p.box(5, 18, 14, 19, INK)
    return p


def computer(colour):
    p = Picture()
    p.box(3, 2, 16, 13, colour, INK)
    p.box(5, 4, 14, 11, PALE, INK)
    p.box(1, 15, 18, 19, colour, INK)
    p.box(3, 17, 8, 17, INK)
    p.dot(15, 17, GREEN)
    return p


def film():
    p = page()
    p.box(5, 7, 14, 18, DARK)
    for y in range(8, 18, 2):
        p.dot(6, y, PAPER)
        p.dot(13, y, PAPER)
    for i in range(4):
        p.box(8 + i, 10 + i, 8 + i, 16 - i, SKY)
    return p


def note(waves):
    p = page()
    p.rows_at(5, 8, "...####|...####|...#..#|...#..#|...#..#|.###.##|####.##|.##..", {"#": PURPLE})
    if waves:
        p.rows_at(13, 9, "#.|.#|.#|.#|.#|#.", {"#": GRAY})
    return p


def hand(way):
    p = Picture()
    if way == "right":
        p.rows_at(1, 6, "......##........|.....#o#........|....#oo#........|.####oo#########|#oooooooooooooo#"
                  "|#oooooooo#######|#ooooooooo#.....|#oooooooo#......|#ooooooooo#.....|#oooooooo#......|.########.......",
                  {"#": DARK, "o": 0xF6D7B8})
    else:
        p.rows_at(3, 2, "....##......|...#oo#.....|...#oo#.....|...#oo#.....|...#oo#.....|...#oo###...|...#oo#oo##."
                  "|.##oooooo#o#|#oo#oooooooo#|#ooooooooooo#|.#oooooooooo#|.#oooooooooo#|..#ooooooooo#|..#oooooooo#.|...#ooooooo#.|...#########.",
                  {"#": DARK, "o": 0xF6D7B8})
    return p


def bomb():
    p = page()
    p.disc(9, 14, 4.4, DARK)
    p.box(7, 12, 8, 12, GRAY)
    p.rows_at(11, 7, "..r|.o.|o..", {"r": RED, "o": ORANGE})
    return p


def burst():
    p = Picture()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            dx, dy = abs(x - 9.5), abs(y - 10.5)
            if dx + dy <= 7 or max(dx, dy) <= 5 or (min(dx, dy) <= 1 and max(dx, dy) <= 9):
                p.dot(x, y, ORANGE if dx + dy > 5 else YELLOW)
    return p


def alert(colour):
    p = Picture()
    for i in range(16):
        half = i // 2 + 1
        p.box(10 - half, 3 + i, 9 + half, 3 + i, colour)
    p.box(9, 8, 10, 14, PAPER)
    p.box(9, 16, 10, 17, PAPER)
    return p


def link():
    p = Picture()
    p.disc(6.5, 13.5, 4.6, CLEAR, BLUE)
    p.disc(13, 7.5, 4.6, CLEAR, BLUE)
    for i in range(6):
        p.box(7 + i, 13 - i, 8 + i, 13 - i, INK)
    return p


def broken():
    p = page()
    for x in range(4, 16):
        y = 10 + (x % 4 if x % 8 < 4 else 3 - x % 4)
        p.box(x, y, x, y + 2, CLEAR)
        p.dot(x, y, RED)
        p.dot(x, y + 2, RED)
    return p


def sphere(colour, light):
    p = Picture()
    p.disc(9.5, 10.5, 8, colour, DARK)
    p.disc(7, 8, 2.4, light)
    return p


def screw(turn):
    p = Picture()
    p.box(5, 2, 14, 5, GRAY, DARK)
    p.box(8 + turn % 2, 2, 10 + turn % 2, 3, DARK)
    for y in range(6, 20):
        half = max(0, (20 - y) // 3)
        slant = (y + turn) % 3
        p.box(9 - half, y, 10 + half, y, GRAY if slant else DARK)
    return p


def pie(eighths):
    p = Picture()
    p.disc(9.5, 10.5, 8, SKY, INK)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            dx, dy = x - 9.5, 10.5 - y
            turn = math.atan2(dx, dy) / math.tau % 1
            if dx * dx + dy * dy < 47 and turn < eighths / 8:
                p.dot(x, y, ORANGE)
    return p


def quill():
    p = Picture()
    for i in range(15):
        width = [1, 1, 2, 3, 4, 4, 5, 5, 5, 4, 4, 3, 2, 2, 1][i]
        p.box(16 - i, 3 + i, 16 - i + width // 2, 3 + i + width // 2, SKY)
        p.dot(16 - i, 3 + i, BLUE)
    p.box(1, 19, 8, 19, DARK)
    return p


def page_turn():
    p = page()
    p.rows_at(6, 9, "..#...|..##..|######|..##..|..#...", {"#": BLUE})
    return p


def drawings():
    """Name and picture of every icon."""
    yield "a", letter("A", BLUE)
    yield "alert.black", alert(DARK)
    yield "alert.red", alert(RED)
    yield "back", back()
    yield "ball.gray", ball(GRAY)
    yield "ball.red", ball(RED)
    yield "binary", pictured("#.##.#.#.|..........|##.#.##.#.|..........|.##.#.#.##|..........|#.#.##.#.#|..........|##.##.#.##", {"#": DARK})
    yield "binhex", labelled("HEX", GRAY)
    yield "blank", Picture()
    yield "bomb", bomb()
    yield "box1", parcel(0xD8B070)
    yield "box2", parcel(0xB9C6D6)
    yield "broken", broken()
    yield "burst", burst()
    yield "c", letter("C", GREEN)
    yield "comp.blue", computer(SKY)
    yield "comp.gray", computer(FOLD)
    yield "compressed", archive(ORANGE)
    yield "continued", page_turn()
    yield "diff", labelled("+-", GREEN)
    yield "dir", folder()
    yield "diskimg", ball(FOLD)
    yield "down", arrow("down")
    yield "dvi", labelled("DVI", TEAL)
    yield "f", letter("F", PURPLE)
    yield "folder", folder()
    yield "folder.open", folder_open()
    yield "folder.sec", lock(folder())
    yield "forward", arrow("right")
    yield "generic", page()
    yield "generic.red", page(edge=RED)
    yield "generic.sec", lock(page())
    yield "hand.right", hand("right")
    yield "hand.up", hand("up")
    yield "image1", image(SKY, GREEN)
    yield "image2", image(0xCFE3F7, TEAL)
    yield "image3", image(0xFBE3A2, ORANGE)
    yield "index", lines(page(), BLUE, 8, 18, 3)
    yield "layout", labelled("</>", BLUE)
    yield "left", arrow("left")
    yield "link", link()
    yield "movie", film()
    yield "p", letter("P", ORANGE)
    yield "patch", labelled("+-", ORANGE)
    yield "pdf", labelled("PDF", RED)
    for n in range(9):
        yield f"pie{n}", pie(n)
    yield "portal", screen()
    yield "ps", labelled("PS", PURPLE)
    yield "quill", quill()
    yield "right", arrow("right")
    yield "screw1", screw(0)
    yield "screw2", screw(1)
    yield "script", pictured("#.........|.#........|..#.......|.#........|#...#####.", {"#": GREEN}, 6, 10)
    yield "sound1", note(False)
    yield "sound2", note(True)
    yield "sphere1", sphere(BLUE, SKY)
    yield "sphere2", sphere(GREEN, 0xA8DDBD)
    yield "svg", labelled("SVG", ORANGE)
    yield "tar", labelled("TAR", BROWN)
    yield "tex", labelled("TEX", TEAL)
    yield "text", lines(page(), GRAY)
    yield "transfer", pictured("...#......|..##......|.########.|..##......|...#......|......#...|......##..|.########.|......##..|......#...", {"#": BLUE})
    yield "unknown", letter("?", GRAY)
    yield "up", arrow("up")
    yield "uu", labelled("UU", GRAY)
    yield "uuencoded", labelled("UU", GRAY)
    yield "world1", world(SKY, GREEN)
    yield "world2", world(BLUE, 0x8FD19E)
    yield "xml", labelled("XML", ORANGE)


def palette_of(p):
    colours = []
    for row in p.rows:
        for c in row:
            if c is not None and c not in colours:
                colours.append(c)
    return colours


def lzw(codes, bits):
    """GIF's compression of a list of palette indices."""
    clear, end = 1 << bits, (1 << bits) + 1
    out, acc, filled = bytearray(), 0, 0

    def put(code, width):
        nonlocal acc, filled
        acc |= code << filled
        filled += width
        while filled >= 8:
            out.append(acc & 255)
            acc >>= 8
            filled -= 8

    table = {(i,): i for i in range(clear)}
    following, width = end + 1, bits + 1
    put(clear, width)
    run = ()
    for code in codes:
        longer = run + (code,)
        if longer in table:
            run = longer
            continue
        put(table[run], width)
        if following < 4096:
            table[longer] = following
            if following == 1 << width and width < 12:
                width += 1
            following += 1
        run = (code,)
    put(table[run], width)
    put(end, width)
    if filled:
        out.append(acc & 255)
    return bytes(out)


def gif(p):
    colours = palette_of(p)
    bits = 2
    while 1 << bits < len(colours) + 1:
        bits += 1
    # Index 0 is the transparent one.
    table = b"\0\0\0" + b"".join(c.to_bytes(3, "big") for c in colours)
    table = table.ljust(3 << bits, b"\0")
    codes = [0 if c is None else colours.index(c) + 1 for row in p.rows for c in row]
    data = lzw(codes, bits)
    blocks = b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))
    return (b"GIF89a" + struct.pack("<HHBBB", WIDTH, HEIGHT, 0xF0 | (bits - 1), 0, 0) + table
            + b"\x21\xf9\x04\x01\0\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, WIDTH, HEIGHT, 0)
            + bytes([bits]) + blocks + b"\0\x3b")


def png(p):
    colours = palette_of(p)
    codes = [[0 if c is None else colours.index(c) + 1 for c in row] for row in p.rows]

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    table = b"\0\0\0" + b"".join(c.to_bytes(3, "big") for c in colours)
    raw = b"".join(b"\0" + bytes(row) for row in codes)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0))
            + chunk(b"PLTE", table) + chunk(b"tRNS", b"\0") + chunk(b"IDAT", zlib.compress(raw, 9))
            + chunk(b"IEND", b""))


def main():
    target = sys.argv[1]
    for name, picture in drawings():
        for ending, draw in ((".gif", gif), (".png", png)):
            with open(f"{target}/{name}{ending}", "wb") as f:
                f.write(draw(picture))


if __name__ == "__main__":
    main()
