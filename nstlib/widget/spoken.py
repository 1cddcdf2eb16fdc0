"""Controls and words of ipywidgets → what a screen reader tells of them: their names, their state, what is new.

The handles of its sliders say neither what they set nor to what, and those of ipywidgets 7 not even that they are
sliders; its buttons that stay pressed do not say that they are. A screen reader says what changes in an element that it
knows to be a place for messages, and keeps silent where such an element arrives with its words: so it is the widget's
own element that is marked, once, and only what is in it changes. And a key that is pressed on a control is the
control's alone: JupyterLab would go to another cell by an arrow, and cut one by the letter x. What has the focus keeps
it, or hands it to the button beside it. The number beside a panel's slider tells only: what was typed there would
stand there, and nothing else would know of it.
"""

from __future__ import annotations

from html import escape
from typing import Any

__all__ = ["HEARD_RULE", "SPOKEN", "spoken"]

# Runs when its element gets onto the page, and again whenever something changes in the box around it: a slider comes
# after its box, and what it says of its value is otherwise the place in its list of values.
SPEAK = """
const box = this.closest('.widget-box');
if (!box) return;  // the page has put another in its place meanwhile
const tell = (one, said) => Object.entries(said).forEach(([part, words]) => one.setAttribute(part, words));
const name = () => {
  for (const slider of box.querySelectorAll('.widget-slider')) {
    const handle = slider.querySelector('[role=slider], .ui-slider-handle');
    const [label, value] = ['.widget-label', '.widget-readout'].map(part => slider.querySelector(part)?.innerText);
    if (!handle) continue;
    if (handle.matches('.ui-slider-handle')) {
      const way = Math.round(parseFloat(handle.style.left || handle.style.bottom) || 0);
      tell(handle, {role: 'slider', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': way});
    }
    if (label) tell(handle, {'aria-label': label});
    if (value) tell(handle, {'aria-valuetext': value});
  }
  for (const row of box.querySelectorAll('.widget-toggle-buttons')) {
    tell(row, {role: 'group', 'aria-label': row.querySelector('.widget-label')?.innerText ?? ''});
  }
  for (const one of box.querySelectorAll('.widget-toggle-button')) {
    tell(one, {'aria-pressed': one.classList.contains('mod-active')});
  }
  for (const one of box.querySelectorAll('.nst-region :is(select, input)')) {
    const labels = [one.closest('.jupyter-widgets'), one.closest('.nst-edges')?.parentElement].map(
      host => host?.querySelector('.widget-label')?.innerText);
    const style = one.closest('.nst-region').querySelector('.nst-region-of')?.innerText.trim();
    tell(one, {'aria-label': [...labels, style].filter(Boolean).join(', ')});
  }
  for (const number of box.querySelectorAll('.nst-panel .widget-readout')) number.contentEditable = 'false';
  for (const place of box.querySelectorAll('.nst-spoken')) tell(place, {role: 'status'});
};
// Whoever works by keys would begin at the top of the page again, where what has the focus is disabled or made anew.
const pass = one => {
  const row = [...one.parentElement.querySelectorAll('button')], at = row.indexOf(one);
  [...row.slice(at + 1), ...row.slice(0, at).reverse()].find(other => !other.disabled)?.focus();
};
const own = host => [...host.classList].filter(look => look.startsWith('nst-') && look !== 'nst-chosen');
let last;
box.addEventListener('focusin', ({target}) => {
  const host = target.closest('.jupyter-widgets'), within = host.tagName + own(host).map(look => '.' + look).join('');
  last = {target, host, within, place: [...host.querySelectorAll('a, pre')].indexOf(target)};
});
box.addEventListener('focusout', ({target}) => setTimeout(() => {
  if (target.isConnected && target !== document.activeElement && last?.target === target) last = null;
}));
const restore = () => {
  if (!last || last.target.isConnected || document.activeElement !== document.body) return;
  const host = last.host.isConnected ? last.host : box.querySelector(last.within);
  (last.host === last.target ? host : host?.querySelectorAll('a, pre')[last.place])?.focus({preventScroll: true});
};
new MutationObserver(changes => {
  for (const {target} of changes) if (target.disabled && target === document.activeElement) pass(target);
  restore();
  name();
}).observe(box, {childList: true, subtree: true, attributeFilter: ['class', 'disabled']});
name();
// JupyterLab listens on the document, and passes over an element with this mark; one around it would not do.
const keep = event => {
  if (!box.isConnected) window.removeEventListener('keydown', keep, true);
  else if (box.contains(event.target)) {
    const onwards = event.shiftKey && event.key === 'Enter';  // to the next cell
    const meant = event.ctrlKey || event.metaKey || event.altKey || onwards;  // to save, say
    event.target.toggleAttribute('data-lm-suppress-shortcuts', !meant);
  }
};
window.addEventListener('keydown', keep, true);
"""
# For words that are told beside a picture that shows the same.
HEARD_RULE = ".nst-heard {position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)}"
SPOKEN = f'<style onload="{escape(SPEAK)}"></style>'


def spoken(*looks: str) -> Any:
    """A place for words, which are said when they change.

    Args:
        looks: its other classes.
    """
    from ipywidgets import HTML

    made = HTML()
    for look in ("nst-spoken", *looks):
        made.add_class(look)
    return made
