"""Files, pasted pictures, addresses → pictures of a person's own: an upload button, a field, a place to drop on.

The field takes an address. A picture that is chosen, pasted or dropped arrives in it too, as an address that holds its
data: a few lines of the page's own program write it there, in parts that any server lets through. No widget of
ipywidgets hears of a paste or a drop, and its button sends a file of any size at once. Where a page runs no such
program, the button and the field do what they did.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ..errors import InputError, in_words
from ..gallery import assets
from ..uploads import addresses, keep_upload, pasted, uploads
from ..worker import Worker

__all__ = ["BRING_RULE", "Bring"]

# Letters of a message: a server cuts the line at one of 10 MB, without a word, and a photograph may be larger.
PART = 2_000_000

# Runs when its element gets onto the page; the nearest `.nst-bring` around it hears of all that is pasted or dropped,
# and of what is chosen by its button. Each part waits until the one before was taken: it says whose it is and which, as
# another page on the same kernel has the same field, and may send something in the same moment.
LISTEN = """
const box = this.closest('.nst-bring'), field = box?.querySelector('.nst-address input');
if (!field) return;  // the page has put another in its place meanwhile
field.setAttribute('aria-label', CALLED);
box.querySelector('.nst-upload').setAttribute('aria-label', WORDS);  // its own are read out with an icon and a number
const taken = mark => new Promise(done => {
  const look = () => box.querySelector('.nst-taken').textContent.includes(mark) ? done() : setTimeout(look, 20);
  look();
});
let queue = Promise.resolve();
const send = words => queue = queue.then(async () => {
  const sender = Math.random().toString(36).slice(2), count = Math.ceil(words.length / PART);
  for (let part = 1; part <= count; part++) {
    const here = document.activeElement === field;
    field.type = 'hidden';  // to lay out a line of so many letters takes the browser longer than to send them
    field.value = `part ${sender} ${part} ${count} ${words.slice((part - 1) * PART, part * PART)}`;
    field.dispatchEvent(new Event('change', {bubbles: true}));
    await taken(`${sender} ${part},`);
    field.value = '';
    field.type = 'text';
    if (here && document.activeElement === document.body) field.focus();
  }
});
const read = file => new Promise(done => {
  const name = 'name=' + encodeURIComponent(file.name), reader = new FileReader();
  reader.onload = () => done(reader.result.replace(/^data:[^;,]*/, '$&;' + name));
  reader.onerror = () => done(`data:;${name},`);
  reader.readAsDataURL(file);
});
const give = files => Promise.all([...files].map(read)).then(all => send(all.join(' ')));
const choose = event => {
  if (!event.target.closest('.nst-upload')) return;
  event.stopImmediatePropagation();
  const chooser = document.createElement('input');
  Object.assign(chooser, {type: 'file', accept: 'image/*', multiple: MULTIPLE});
  chooser.onchange = () => give(chooser.files);
  chooser.click();
};
box.removeEventListener('click', box.nstChoose, true);
box.addEventListener('click', box.nstChoose = choose, true);
box.ondragover = event => event.preventDefault();
box.onpaste = box.ondrop = event => {
  const given = event.clipboardData || event.dataTransfer;
  const link = given.getData('text/uri-list');
  if (!given.files.length && (event.type === 'paste' || !link)) return;
  event.preventDefault();
  if (given.files.length) give(given.files);
  else send(link.split(/[\\r\\n]+/).filter(one => one && one[0] !== '#').join(' '));
};
""".replace("PART", str(PART))
PIECE = re.compile(r"part (\w+) (\d+) (\d+) (.*)", re.DOTALL)
SENDERS = 8  # of whom parts are kept: one that is gone sends no rest, and what there is of a photograph is large
# ipywidgets writes the number of files behind the words. It stands in a second line here, below the button's edge.
BRING_RULE = ".nst-upload.jupyter-button {white-space: pre; overflow: hidden} .nst-listen {display: none}"


class Bring:
    """What stands where a person may bring pictures along.

    Args:
        words: on the upload button.
        kept: takes the names of pictures as `load_image` takes them, each with what its owner calls it; returns words.
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
        kept: Callable[[Mapping[str, str]], str],
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
        self.pieces: dict[str, dict[int, str]] = {}  # of what comes in parts, by its sender
        self.marks: deque[str] = deque(maxlen=4 * SENDERS)  # of the parts that were taken last
        # A page has several such fields, and all are "or paste".
        called = f"or paste{words.removeprefix('Upload')}, or an address"
        listening = LISTEN.replace("MULTIPLE", str(multiple).lower()).replace("CALLED", json.dumps(called))
        listening = listening.replace("WORDS", json.dumps(words))
        listen = HTML(f'<style onload="{escape(listening)}"></style>')
        self.taken = HTML()  # where the page reads that a part was
        self.taken.add_class("nst-taken")
        for unseen in (listen, self.taken):
            unseen.add_class("nst-listen")
        self.parts = (self.upload, self.address, listen, self.taken)
        self.upload.observe(self.uploaded, "value")
        self.address.observe(self.entered, "value")

    def uploaded(self, change: Mapping[str, Any]) -> None:
        """Keep what was uploaded.

        Args:
            change: what ipywidgets tells of the new value.
        """
        files = uploads(change["new"])
        self.take(files)
        if files and not isinstance(self.upload.value, dict):
            self.upload.value = ()  # so that the same file can come again

    def entered(self, _: object = None) -> None:
        """Keep what was sent, at once, so that none is passed over; what stands behind an address comes in a thread."""
        text = self.address.value
        self.address.value = ""
        words = addresses(self.whole(text))
        if all(word.startswith("data:") for word in words):
            self.fetch(words)
        else:
            self.fetcher.start(lambda stop: self.fetch(words), failed=self.failed)

    def whole(self, text: str) -> str:
        """What was sent, once all its parts are there; "" before, and where one was lost, which is told.

        Args:
            text: in the field.
        """
        if (found := PIECE.fullmatch(text)) is None:
            return text
        sender, part, count = found[1], int(found[2]), int(found[3])
        here = self.pieces.pop(sender, {}) | {part: found[4]}
        self.marks.append(f"{sender} {part},")
        self.taken.value = " ".join(self.marks)  # which asks for the next part
        if part < count:
            self.pieces = dict([*self.pieces.items(), (sender, here)][-SENDERS:])
            self.said(f"Receiving your picture, part {part} of {count} …")
            return ""
        if len(here) < count:
            self.failed("A part of your picture was lost on its way: send it again")
            return ""
        return "".join(here[number] for number in range(1, count + 1))

    def fetch(self, words: list[str]) -> None:
        """Keep what stands behind addresses.

        Args:
            words: the addresses, or names and paths.
        """
        files, wrong, ours = [], [], []
        for word in words:
            if not word.startswith("data:"):
                self.said("Fetching the picture …")
            try:
                file = pasted(word)  # which fetches a painting
                if self.keep is keep_upload and word in assets():
                    ours.append(word)
                else:
                    files.append(file)
            except InputError as error:
                wrong.append(in_words(error))
        self.take(files, wrong, ours)

    def take(self, files: Iterable[tuple[str, bytes]], wrong: Sequence[str] = (), ours: Sequence[str] = ()) -> None:
        """Keep pictures and hand them on together; what there is to say of them is said at once.

        Args:
            files: each as its owner calls it, and its bytes.
            wrong: what went wrong with others, in words.
            ours: names of the kit's own pictures, of which no copy is made.
        """
        kept = dict(zip(ours, ours, strict=True))
        told, wrong = [], list(wrong)
        for name, data in files:
            try:
                kept[self.keep(name, data)] = name
            except Exception as error:
                wrong.append(in_words(error))
        try:
            told += [self.kept(kept)] if kept else []
        except Exception as error:
            wrong.append(in_words(error))
        if words := ". ".join(filter(None, [*told, *wrong])):
            (self.failed if wrong else self.said)(words)
