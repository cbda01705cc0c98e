"""One picture of one person."""

from __future__ import annotations

from PIL import Image, ImageFilter

from .backdrop import SIZE, background, body, lit
from .canvas import Canvas
from .features import eyebrows, eyes, glasses, mouth, nose
from .hair import above, beard, behind, hat
from .head import complexion, earrings, ears, face
from .person import Person

CENTRE = (
    89.0,
    106.0,
)  # of the head: the published crop of 148×148 from row 35, column 15 then shows it from the hat to the tie
ZOOM = 2  # pixels drawn per pixel


def portrait(person: Person) -> Image.Image:
    """An RGB image of 178×218, drawn at twice the size and averaged."""
    image = background(person).resize((SIZE[0] * ZOOM, SIZE[1] * ZOOM), Image.Resampling.NEAREST)
    centre = (CENTRE[0] + person.shift[0], CENTRE[1] + person.shift[1])
    head = Canvas(image, ZOOM, centre, person.size, person.tilt)
    torso = Canvas(image, ZOOM, centre, person.size, person.tilt / 4)
    front = head.moved(person.turn, 0)  # what looks to the side when the head is turned
    behind(head, person)
    body(torso, person)
    ears(head, person)
    face(head, person)
    complexion(front, person)
    beard(head, person)
    for part in (eyes, eyebrows, nose, mouth, glasses):
        part(front, person)
    above(head, person)
    hat(head, person)
    earrings(head, person)
    image = lit(image.reduce(ZOOM), person)
    return image.filter(ImageFilter.GaussianBlur(3.6)) if person.has["Blurry"] else image
