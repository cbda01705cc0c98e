"""Eyes, glasses, eyebrows, nose and mouth."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, curve, ellipse, mix, shade
from .person import Person

LIPS = ((206, 16, 52), (190, 20, 110), (232, 40, 40), (146, 12, 44))
SHADOWS = ((70, 60, 190), (120, 40, 150), (30, 130, 130), (60, 60, 70))


def eyes(canvas: Canvas, person: Person) -> None:
    """Eyes with lids, lashes and eye shadow."""
    has = person.has
    tall = 2.6 if has["Narrow_Eyes"] else 6.0
    lashes = (24, 18, 20)
    for side in (-1, 1):
        eye = canvas.moved(side * 14, -4)
        if has["Heavy_Makeup"]:
            paint = SHADOWS[person.seed % 4]
            eye.blob([(-9.5, -1), (-6, -9), (0, -11.5), (6, -9), (9.5, -1)], paint, 0.75)
        almond = curve(
            [(-8.5, 0.5), (-4, -tall), (3, -tall), (8.5, 0), (4, tall * 0.85), (-4, tall * 0.85)], closed=True
        )
        eye.polygon(almond, (250, 250, 250))
        round_ = ellipse(0, 0, 4.6, 4.6)
        round_[:, 1] = round_[:, 1].clip(-tall * 0.95, tall * 0.8)
        eye.polygon(round_, person.eyes)
        pupil = ellipse(0, 0, 2.3, 2.3)
        pupil[:, 1] = pupil[:, 1].clip(-tall * 0.8, tall * 0.7)
        eye.polygon(pupil, (10, 10, 12))
        if not has["Narrow_Eyes"]:
            eye.ellipse(1.6, -1.8, 1.2, 1.2, (255, 255, 255))
        width = 3.0 if has["Heavy_Makeup"] else 1.7
        eye.stroke(
            [(-8.8, 0.5), (-4, -tall), (3, -tall), (8.8, 0)],
            width,
            lashes if has["Heavy_Makeup"] else shade(person.skin, -0.6),
        )
        if has["Narrow_Eyes"]:
            eye.stroke([(-8.8, 0.5), (0, tall * 1.1), (8.8, 0)], 1.5, shade(person.skin, -0.5))
        if not has["Male"] and has["Heavy_Makeup"]:
            for x in (5.5, 8.5):
                eye.stroke([(side * x, -tall * 0.5), (side * (x + 3.5), -tall - 2.5)], 1.7, lashes)


def eyebrows(canvas: Canvas, person: Person) -> None:
    """Straight or arched, thin or bushy."""
    has = person.has
    thick = 7.0 if has["Bushy_Eyebrows"] else 2.8
    arch = 8.5 if has["Arched_Eyebrows"] else 0.0
    colour = shade(mix(person.hair, (60, 44, 36), 0.35), -0.25)
    for side in (-1, 1):
        points = [
            (side * 5, -14.5),
            (side * 11, -15 - 0.6 * arch),
            (side * 18, -15 - arch),
            (side * 24, -14 + 0.1 * arch),
        ]
        canvas.stroke(points, thick, colour, taper=0.35 if has["Bushy_Eyebrows"] else 0.5)


def glasses(canvas: Canvas, person: Person) -> None:
    """Round or square frames."""
    if not person.has["Eyeglasses"]:
        return
    frame = (18, 18, 22) if person.seed % 3 else (120, 20, 30)
    for side in (-1, 1):
        power = 2.0 if person.glasses == "round" else 6.0
        t = np.linspace(0, 2 * np.pi, 33)
        x, y = (np.sign(f(t)) * np.abs(f(t)) ** (2 / power) for f in (np.cos, np.sin))
        rim = np.column_stack([side * 14 + 12 * x, -3 + 10 * y])
        canvas.polygon(rim, (190, 215, 235), 0.28)
        canvas.polygon(np.concatenate([rim, ((rim - (side * 14, -3)) * 0.79 + (side * 14, -3))[::-1]]), frame)
        canvas.stroke([(side * 25.5, -5), (side * 35, -5)], 2.6, frame)
    canvas.stroke([(-3, -4), (0, -5.5), (3, -4)], 2.6, frame)


def nose(canvas: Canvas, person: Person) -> None:
    """A round nose or a pointed one, small or big."""
    has, skin = person.has, person.skin
    wide, low = (12.5, 17) if has["Big_Nose"] else (5.0, 12)
    side = 1 if person.turn > 0 else -1
    dark = shade(skin, -0.34)
    if has["Pointy_Nose"]:
        canvas.polygon(
            [(side * 1.5, -9), (side * (wide + 5), low + 1), (-side * wide * 0.55, low + 1.5)], shade(skin, -0.45)
        )
        canvas.polygon([(-side, -10), (side * (wide + 1), low - 1.5), (-side * wide * 0.6, low - 1)], shade(skin, 0.4))
        return
    canvas.stroke([(side * 3, -6), (side * 4, 3), (side * wide * 0.8, low - 4)], 1.8, dark, 0.8, taper=0.5)
    canvas.ellipse(0, low - 4, wide + 0.8, wide * 0.62 + 0.8, dark, 0.9)
    canvas.ellipse(0, low - 5, wide, wide * 0.62, mix(skin, (210, 90, 80), 0.22 if has["Big_Nose"] else 0.0))
    for nostril in (-1, 1):
        canvas.ellipse(nostril * wide * 0.45, low - 1.5, wide * 0.18 + 0.5, 1.3, shade(skin, -0.6))
    canvas.ellipse(-1.5, low - 7, wide * 0.3, 1.6, shade(skin, 0.5), 0.8)


def mouth(canvas: Canvas, person: Person) -> None:
    """Lips that smile or not, thin or full, painted or not, closed or a little open with teeth."""
    has = person.has
    paint = LIPS[person.seed // 7 % 4] if has["Wearing_Lipstick"] else mix(person.skin, (170, 70, 70), 0.42)
    full = 7.0 if has["Big_Lips"] else 2.0
    half, lift = (15.5, 6.5) if has["Smiling"] else (10.5, -1.2)
    gap = (7.0 if has["Smiling"] else 6.0) if has["Mouth_Slightly_Open"] else 0.0
    y = 25.0
    corners = np.array([(-half, y - lift), (half, y - lift)])
    upper = [corners[0], (-half / 2, y - lift * 0.25), (0, y), (half / 2, y - lift * 0.25), corners[1]]
    lower = [
        corners[1],
        (half / 2, y - lift * 0.25 + gap * 0.8),
        (0, y + gap),
        (-half / 2, y - lift * 0.25 + gap * 0.8),
        corners[0],
    ]
    top = [corners[0], (-half / 2, y - lift * 0.25 - full * 0.9), (-2, y - full), (0, y - full * 0.75), (2, y - full)]
    top += [(half / 2, y - lift * 0.25 - full * 0.9), corners[1]]
    bottom = [corners[1], (half / 2, y - lift * 0.25 + gap * 0.8 + full), (0, y + gap + full * 1.25)]
    bottom += [(-half / 2, y - lift * 0.25 + gap * 0.8 + full), corners[0]]
    canvas.polygon(np.concatenate([curve(top), curve(bottom)]), paint)
    if gap:
        canvas.polygon(np.concatenate([curve(upper), curve(lower)]), (72, 10, 18))
        teeth = curve(upper)[3:-3]
        canvas.polygon(np.concatenate([teeth, (teeth * (0.92, 1) + (0, gap * 0.42))[::-1]]), (252, 252, 248))
    else:
        canvas.stroke(upper, 1.5, shade(paint, -0.5))
    for x, v in corners:
        canvas.ellipse(x, v, 1.3, 1.3, shade(person.skin, -0.45))
