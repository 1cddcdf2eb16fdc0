"""Files, pasted pictures, addresses → pictures of a person's own: an upload button, a field, a place to drop on.

The field takes an address. A picture that is pasted or dropped arrives in it too, as an address that holds its data:
a few lines of the page's own program write it there, because no widget of ipywidgets hears of either. Where a page
runs no such program, the button and the field do what they did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from ..errors import in_words
from ..uploads import keep_upload, pasted, uploads
from ..worker import Worker

__all__ = ["BRING_RULE", "Bring"]

MOST = 7_000_000  # bytes of what is pasted at once: a server takes messages of 10 MB, and as text it is 4/3 as long

# Runs when its element gets onto the page; the nearest `.nst-bring` around it hears of all that is pasted or dropped.
LISTEN = """
const box = this.closest('.nst-bring');
const field = box.querySelector('.nst-address input');
const send = words => {
  field.value = words;
  field.dispatchEvent(new Event('change', {bubbles: true}));
};
const read = file => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.replace(/^data:[^;,]*/, '$&;name=' + encodeURIComponent(file.name)));
  reader.onerror = failed;
  reader.readAsDataURL(file);
});
box.ondragover = event => event.preventDefault();
box.onpaste = box.ondrop = event => {
  const given = event.clipboardData || event.dataTransfer;
  const files = [...given.files], link = given.getData('text/uri-list');
  if (!files.length && (event.type === 'paste' || !link)) return;
  event.preventDefault();
  if (!files.length) send(link);
  else if (files.reduce((sum, file) => sum + file.size, 0) > MOST) send('data:;name=too-large,');
  else Promise.all(files.map(read)).then(all => send(all.join(' ')));
};
""".replace("MOST", str(MOST))
TOO_LARGE = f"what was pasted has more than {MOST / 1e6:g} MB, too much for this way: use the upload button"
# ipywidgets writes the number of files behind the words. It stands in a second line here, below the button's edge.
BRING_RULE = ".nst-upload.jupyter-button {white-space: pre; overflow: hidden} .nst-listen {display: none}"


class Bring:
    """What stands where a person may bring pictures along.

    Args:
        words: on the upload button.
        kept: takes the name of each picture as `load_image` takes it, and what its owner calls it.
        failed: takes words for the person, where something went wrong.
        said: takes other words.
        multiple: whether several at once.
        keep: makes a file of a name and bytes, and says where it is.

    Attributes:
        parts: the button, the field, and what listens; to be put into a box of the class `nst-bring`.
    """

    def __init__(
        self,
        words: str,
        kept: Callable[[str, str], None],
        failed: Callable[[str], None],
        said: Callable[[str], None] = lambda words: None,
        *,
        multiple: bool = False,
        keep: Callable[[str, bytes], str] = keep_upload,
    ) -> None:
        from ipywidgets import HTML, FileUpload, Text

        self.kept, self.failed, self.said, self.keep = kept, failed, said, keep
        self.fetcher = Worker()
        self.upload = FileUpload(accept="image/*", multiple=multiple, description=f"{words}\n")
        self.upload.add_class("nst-upload")
        self.address = Text(
            placeholder="picture or address",
            description="or paste",
            continuous_update=False,
            style={"description_width": "initial"},
        )
        self.address.add_class("nst-address")
        listen = HTML(f'<style onload="{escape(LISTEN)}"></style>')
        listen.add_class("nst-listen")
        self.parts = (self.upload, self.address, listen)
        self.upload.observe(self.uploaded, "value")
        self.address.observe(self.entered, "value")

    def uploaded(self, change: Mapping[str, Any]) -> None:
        """Keep what was uploaded.

        Args:
            change: what ipywidgets tells of the new value.
        """
        files = uploads(change["new"])
        for name, data in files:
            self.take(name, data)
        if files and not isinstance(self.upload.value, dict):
            self.upload.value = ()  # so that the same file can come again

    def entered(self, _: object = None) -> None:
        """Keep what was pasted, or stands behind an address: that may take a while, so in a thread."""
        if words := self.address.value.split():
            self.address.value = ""
            self.fetcher.start(lambda stop: self.fetch(words), failed=self.failed)

    def fetch(self, words: list[str]) -> None:
        """Keep what stands behind addresses.

        Args:
            words: the addresses, or names and paths.
        """
        for word in words:
            if word.startswith("data:;name=too-large"):
                self.failed(TOO_LARGE)
                continue
            if not word.startswith("data:"):
                self.said("Fetching the picture …")
            self.take(*pasted(word))

    def take(self, name: str, data: bytes) -> None:
        """Keep a picture and hand it on; what is wrong with it becomes words.

        Args:
            name: as its owner calls it.
            data: the file.
        """
        try:
            self.kept(self.keep(name, data), name)
        except Exception as error:
            self.failed(in_words(error))
