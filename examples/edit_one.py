"""Edit one picture.

    python examples/edit_one.py kitchen.png "remove the red apple"
"""

import sys

from PIL import Image

from smartedit import SmartEditPipeline

picture, instruction = sys.argv[1:3]
pipe = SmartEditPipeline.from_pretrained("tiny")
result = pipe(instruction, Image.open(picture))
result.images[0].save("edited.png")
print(result.reply[0])
