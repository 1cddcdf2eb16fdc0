"""The studio's style sheet: a grid that follows the width it gets, colours that follow the notebook's theme."""

from __future__ import annotations

__all__ = ["STYLE"]

# Lengths that do not depend on what is shown keep the layout still. Colours of text have at least 4.5 times the
# luminance of their ground in both themes (WCAG 2.2, 1.4.3), borders and lines 3 times (1.4.11).
RULES = """
.nst-studio {
  --nst-ink: var(--jp-ui-font-color1, #1d1d1d); --nst-ground: var(--jp-layout-color1, #fff);
  --nst-field: var(--jp-layout-color2, #eee); --nst-edge: #767676; --nst-mark: #0b57d0;
  --nst-loss: #1d1d1d; --nst-content: #0b57d0; --nst-style: #b3261e; --nst-tv: #6a4a00;
  container-type: inline-size; width: 100%; box-sizing: border-box; padding: 4px; overflow: hidden;
  color: var(--nst-ink); background: var(--nst-ground); font-size: 14px;
}
[data-jp-theme-light="false"] .nst-studio, .theme-dark .nst-studio, html[theme="dark"] .nst-studio {
  --nst-edge: #8f8f8f; --nst-mark: #8ab4f8; color-scheme: dark;
  --nst-loss: #f1f1f1; --nst-content: #8ab4f8; --nst-style: #ff9d94; --nst-tv: #e8c26a;
}
html[theme="dark"] .nst-studio {--nst-ink: #e8e8e8; --nst-ground: #383838; --nst-field: #4a4a4a}
.nst-studio *, .nst-studio *::before {box-sizing: border-box}
.nst-studio .widget-box, .nst-studio .jupyter-widgets {min-width: 0}
.nst-studio .nst-hidden {display: none}
.nst-studio h2, .nst-studio h3 {margin: 0; font-size: 15px; line-height: 24px; color: var(--nst-ink)}
.nst-studio h3 {font-size: 14px}
.nst-studio p {margin: 0; line-height: 20px; color: var(--nst-ink)}
.nst-studio .widget-html-content, .nst-studio .jupyter-widget-html-content {line-height: 20px; font-size: 14px;
  min-width: 0; width: 100%}
.nst-studio .widget-label {color: var(--nst-ink); font-size: 14px}
.nst-studio .widget-readout {color: var(--nst-ink); font-size: 14px; min-width: 46px}
.nst-studio select, .nst-studio input {color: var(--nst-ink); background-color: var(--nst-ground)}
.nst-studio select {appearance: auto; background-image: none !important; text-overflow: ellipsis}
.nst-studio select, .nst-studio input:not([type=file]) {height: 30px !important}

.nst-studio.jupyter-widgets-disconnected::before, .nst-studio .jupyter-widgets-disconnected::before {display: none}

.nst-columns {display: grid; grid-template-columns: minmax(0, 1fr); gap: 8px 16px; width: 100%}
.nst-left, .nst-right {gap: 4px; overflow: visible}
.nst-thumbs {display: grid; grid-template-columns: repeat(auto-fill, minmax(80px, 1fr)); gap: 6px;
  grid-auto-rows: 76px; height: 194px; overflow-y: auto; padding: 4px; align-content: start}
.nst-gallery {display: flex; flex-flow: row nowrap; gap: 8px; height: 142px; overflow-x: auto; padding: 4px}
.nst-thumb.jupyter-button {width: 100%; height: 100%; margin: 0; border: 1px solid var(--nst-edge);
  border-radius: 4px; background-color: #333; background-size: cover; background-position: center; color: #fff;
  display: flex; align-items: flex-end; justify-content: flex-start; line-height: 14px; font-size: 10.5px;
  overflow: hidden; padding: 2px 3px; white-space: normal; overflow-wrap: anywhere; text-align: left; box-shadow: none}
.nst-gallery .nst-thumb.jupyter-button {flex: 0 0 118px; height: 118px; line-height: 15px; font-size: 11px}
.nst-thumb.nst-chosen.jupyter-button {outline: 3px solid var(--nst-mark); outline-offset: 0}
.nst-row {display: flex; flex-flow: row wrap; gap: 6px; align-items: center}
.nst-studio .nst-row .jupyter-button {margin: 0; width: auto; min-width: 92px; height: 34px; font-size: 14px;
  color: var(--nst-ink); background: var(--nst-field); border: 1px solid var(--nst-edge); border-radius: 4px}
.nst-studio .nst-row .nst-upload.jupyter-button {line-height: 32px; text-align: left}
.nst-studio .nst-row .nst-continue.jupyter-button {width: auto; min-width: 190px}
.nst-studio .nst-row .nst-paint.jupyter-button {background: #0b57d0; color: #fff; font-weight: bold}
.nst-studio .nst-row .nst-stop.jupyter-button:enabled {background: #a50e0e; color: #fff}
.nst-studio .nst-row .jupyter-button:disabled {opacity: .55}
.nst-studio .nst-row .widget-toggle-button {padding: 0 4px; height: auto; min-height: 34px; white-space: normal;
  line-height: 20px}
.nst-studio .widget-toggle-button::before {content: "▸ "}
.nst-studio .widget-toggle-button.mod-active::before {content: "▾ "}
.nst-bring > .nst-row {margin-top: 4px}
.nst-studio .nst-address {flex: 1 1 210px; width: auto; margin: 0; height: 34px; align-items: center}
.nst-shares {display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 6px; height: 60px}
.nst-studio .nst-shares > * {flex-direction: column; width: 100%; height: 60px; margin: 0; align-items: stretch}
.nst-studio .nst-shares .widget-label {text-align: left; width: 100% !important; height: 28px; line-height: 14px;
  font-size: 11px; white-space: normal; overflow-wrap: anywhere; overflow: hidden}
.nst-studio .nst-shares input {flex: 0 0 30px}
.nst-regions {gap: 8px; border-left: 3px solid var(--nst-edge); padding-left: 8px; margin: 4px 0}
.nst-region, .nst-region > * {gap: 2px}
.nst-region .widget-dropdown {width: 100%; height: 32px; margin: 0}
.nst-region .widget-dropdown .widget-label {width: 46px !important}
.nst-swatch {display: inline-block; width: 12px; height: 12px; margin-right: 6px; border: 1px solid var(--nst-edge)}
.nst-edges {grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 4px}
.nst-studio .nst-edges > * {flex-direction: column; width: 100%; height: 50px; margin: 0; align-items: stretch}
.nst-studio .nst-edges .widget-label {text-align: left; width: 100% !important; height: 18px; line-height: 18px;
  font-size: 12px}
.nst-studio .nst-edges input {flex: 0 0 30px; padding: 2px}
.nst-effort {display: grid; grid-template-columns: repeat(auto-fit, minmax(156px, 1fr)); gap: 4px 12px}
.nst-effort > * {width: 100% !important; margin: 1px 0 !important; height: 32px}
.nst-knobs {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(230px, 100%), 1fr)); gap: 2px 12px;
  margin-top: 6px}
.nst-knobs > * {width: 100% !important; margin: 1px 0 !important; height: 32px}
.nst-studio .nst-paintings {width: 100%; margin: 2px 0}

.nst-forecast {min-height: 44px; height: auto; margin: 0; display: flex; align-items: flex-end}
.nst-forecast > .widget-html-content, .nst-forecast > .jupyter-widget-html-content {align-self: flex-end}
.nst-warn {border-left: 4px solid var(--nst-style); padding-left: 8px}
.nst-words {min-height: 64px; height: auto; margin: 0; overflow-wrap: anywhere}
.nst-bar {height: 38px; margin: 0}
.nst-line {font-variant-numeric: tabular-nums}
.nst-line progress {display: block; width: 100%; height: 14px; accent-color: var(--nst-mark)}
.nst-easel {height: 400px; margin: 0; background: #808080; border-radius: 4px; overflow: hidden}
.nst-easel .widget-html-content, .nst-easel .jupyter-widget-html-content {height: 100%; width: 100%}
.nst-easel img {width: 100%; height: 400px; object-fit: contain; display: block; margin: 0}
.nst-wipe {width: 100% !important; margin: 0 !important}
.nst-sides {display: flex; justify-content: space-between; gap: 16px; height: 40px; overflow: hidden}
.nst-sides span + span {text-align: right}
.nst-chart {min-height: 156px; margin: 0}
.nst-of {font-weight: bold; height: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap}
.nst-shares > .nst-hint {grid-column: 1 / -1}
.nst-charts {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(290px, 100%), 1fr)); gap: 8px}
.nst-charts svg {width: 100%; height: 132px; display: block}
.nst-charts text {fill: var(--nst-ink); font-size: 11.5px; font-family: inherit}
.nst-charts polyline {fill: none; stroke-width: 2}
.nst-axis {fill: none; stroke: var(--nst-edge)}
.nst-l0 {stroke: var(--nst-loss)} .nst-l1 {stroke: var(--nst-content); stroke-dasharray: 6 3}
.nst-l2 {stroke: var(--nst-style); stroke-dasharray: 2 2} .nst-l3 {stroke: var(--nst-tv); stroke-dasharray: 8 2 2 2}
.nst-content {fill: var(--nst-content)} .nst-style {fill: var(--nst-style)} .nst-tv {fill: var(--nst-tv)}
.nst-gallery:empty::before {content: "What you paint hangs here."; align-self: center}
.nst-note {min-height: 20px; margin: 0}
.nst-facts-box {min-height: 40px; margin: 0}
.nst-download {display: inline-block; line-height: 32px; height: 34px; padding: 0 10px; border-radius: 4px;
  border: 1px solid var(--nst-edge); color: var(--nst-ink) !important; text-decoration: underline}
.nst-code pre {background: var(--nst-field); color: var(--nst-ink); padding: 8px; margin: 2px 0 8px;
  white-space: pre-wrap; word-break: normal; overflow-wrap: break-word;
  font-size: 13px; line-height: 18px; border-radius: 4px}

@media (forced-colors: active) {
  html .nst-studio.nst-studio {--nst-ink: CanvasText; --nst-ground: Canvas; --nst-field: Canvas; --nst-edge: CanvasText;
    --nst-mark: Highlight; --nst-loss: CanvasText; --nst-content: LinkText; --nst-style: Highlight; --nst-tv: GrayText}
  .nst-swatch {forced-color-adjust: none}
  .nst-wipe .slider-container {border: 1px solid CanvasText}
}

@container (min-width: 620px) {
  .nst-columns {grid-template-columns: minmax(262px, 5fr) minmax(0, 8fr)}
  .nst-thumbs {height: 216px}
}
@container (min-width: 900px) {
  .nst-columns {grid-template-columns: 436px minmax(0, 1fr)}
  .nst-thumbs {height: 194px}
  .nst-words {min-height: 44px}
  .nst-easel, .nst-easel img {height: 420px}
}
"""

STYLE = f"<style>{RULES}</style>"
