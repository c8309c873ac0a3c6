"""Edit through a running server with OpenAI's own client.

    smartedit serve --model tiny
    python examples/call_the_server.py kitchen.png "remove the red apple"

Another address or a key: set OPENAI_BASE_URL, OPENAI_API_KEY.
"""

import base64
import os
import sys

from openai import OpenAI

picture, instruction = sys.argv[1:3]
client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
with open(picture, "rb") as file:
    answer = client.images.edit(model="tiny", image=file, prompt=instruction, response_format="b64_json", extra_body={"seed": 7})
with open("edited.png", "wb") as file:
    file.write(base64.b64decode(answer.data[0].b64_json))
