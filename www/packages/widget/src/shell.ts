/** The look of what stands in the page: the button, and the box of the panel. */

export const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
/* A page may style what it is offered and nothing else: these win over its own rules. */
:host{all:initial!important; display:block!important}
:host([hidden]){display:none!important}
:host([mode=inline]){block-size:100%!important; min-block-size:360px!important; min-inline-size:280px!important}
*{box-sizing:border-box}
[hidden]{display:none!important}
.dock{--a:var(--accent,light-dark(#B44B16,#F0965E)); --on:var(--on-accent,light-dark(#FFF,#22130A));
  position:fixed; z-index:var(--ingle-z,2147483000); inset-block-end:calc(20px + var(--ingle-offset-block,0px));
  font:500 14px/20px var(--ingle-font,system-ui,sans-serif); color-scheme:light dark}
.dock.light{color-scheme:light} .dock.dark{color-scheme:dark}
.end{inset-inline-end:calc(20px + var(--ingle-offset-inline,0px))}
.start{inset-inline-start:calc(20px + var(--ingle-offset-inline,0px))}
button{display:flex; align-items:center; gap:8px; margin-inline-start:auto; block-size:52px; padding:0 20px; border:0;
  border-radius:99px; background:var(--a); color:var(--on); font:inherit; cursor:pointer;
  box-shadow:0 4px 16px light-dark(#19201c1f,#0009)}
.start button{margin-inline:0 auto}
button:focus-visible{outline:2px solid light-dark(#145EC1,#7DB6FE); outline-offset:2px}
svg{inline-size:20px; block-size:20px; fill:none; stroke:currentColor; stroke-width:1.6; stroke-linecap:round}
.pane{position:absolute; inset-block-end:64px; inline-size:var(--ingle-width,380px); block-size:min(var(--ingle-height,620px),100dvh - 108px);
  overflow:hidden; border-radius:clamp(0px,var(--ingle-radius,22px),24px); background:light-dark(#FFF,#1C201E);
  border:1px solid light-dark(#DADDDA,#303633); box-shadow:0 16px 48px light-dark(#19201c33,#000c)}
.end .pane{inset-inline-end:0} .start .pane{inset-inline-start:0}
.pane p{margin:24px; font:400 15px/24px var(--ingle-font,system-ui,sans-serif); color:light-dark(#19201C,#E7EAE8)}
.pane iframe{display:block; inline-size:100%; block-size:100%; border:0}
.inline{position:static; block-size:100%; min-block-size:360px} .inline .pane{position:static; inline-size:100%; block-size:100%; min-block-size:360px; box-shadow:none}
@media (max-width:639px){.dock:not(.inline) .pane{position:fixed; inset:0; inline-size:100%; block-size:100dvh; border:0; border-radius:0}}
@media (max-height:479px){.dock:not(.inline) .pane{position:fixed; inset-block:0; block-size:100dvh}}
@media (max-width:359px){.word{display:none}}
@media (forced-colors:active){button{border:1px solid ButtonText}}
`);
