"""Sliders → sliders whose handles tell a screen reader what they set, and to what: ipywidgets gives them neither."""

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
    if (handle && label) handle.setAttribute('aria-label', label);
    if (handle && value) handle.setAttribute('aria-valuetext', value);
  }
};
new MutationObserver(name).observe(box, {childList: true, subtree: true});
name();
"""
NAME_HANDLES = f'<style onload="{escape(NAME)}"></style>'
