"""Sliders → sliders whose handles tell a screen reader what they set, and to what: ipywidgets gives them neither.

Those of ipywidgets 7 do not even say that they are sliders. And a key that is pressed on a control is the control's
alone: JupyterLab would go to another cell by an arrow, and cut one by the letter x.
"""

from __future__ import annotations

from html import escape

__all__ = ["NAME_HANDLES"]

# Runs when its element gets onto the page, and again whenever something changes in the box around it: a slider comes
# after its box, and what it says of its value is otherwise the place in its list of values.
NAME = """
const box = this.closest('.widget-box');
const name = () => {
  for (const slider of box.querySelectorAll('.widget-slider')) {
    const handle = slider.querySelector('[role=slider], .ui-slider-handle');
    const [label, value] = ['.widget-label', '.widget-readout'].map(part => slider.querySelector(part)?.innerText);
    if (!handle) continue;
    if (handle.matches('.ui-slider-handle')) {
      const way = Math.round(parseFloat(handle.style.left || handle.style.bottom) || 0);
      const role = {role: 'slider', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': way};
      for (const [part, said] of Object.entries(role)) handle.setAttribute(part, said);
    }
    if (label) handle.setAttribute('aria-label', label);
    if (value) handle.setAttribute('aria-valuetext', value);
  }
};
new MutationObserver(name).observe(box, {childList: true, subtree: true});
name();
// JupyterLab listens on the document, and passes over an element with this mark; one around it would not do.
const keep = event => {
  if (!box.isConnected) window.removeEventListener('keydown', keep, true);
  else if (box.contains(event.target)) {
    const meant = event.ctrlKey || event.metaKey || event.altKey;  // to save, say
    event.target.toggleAttribute('data-lm-suppress-shortcuts', !meant);
  }
};
window.addEventListener('keydown', keep, true);
"""
NAME_HANDLES = f'<style onload="{escape(NAME)}"></style>'
