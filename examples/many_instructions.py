"""Many instructions on one picture, which is encoded once.

    python examples/many_instructions.py kitchen.png "make the cup red" "remove the cup"
"""

import sys

from PIL import Image

from smartedit import SmartEditPipeline

picture, *instructions = sys.argv[1:]
pipe = SmartEditPipeline.from_pretrained("tiny")
encoded = pipe.encode(Image.open(picture))
for number, instruction in enumerate(instructions, start=1):
    result = pipe(instruction, encoded, seed=0)  # the same noise, so that only the words make the difference
    result.images[0].save(f"edited-{number}.png")
    print(f"edited-{number}.png: {instruction} -> {result.reply[0]}")
