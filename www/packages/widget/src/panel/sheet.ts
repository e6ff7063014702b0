/** The look of the panel; tokens as in the chat page. */

export const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
.ingle{--bg:light-dark(#F8FAF8,#131615); --surface:light-dark(#FFF,#1C201E); --sunken:light-dark(#EFF2EF,#0D100E);
  --hover:light-dark(#E8ECE8,#292E2C); --border:light-dark(#DADDDA,#303633); --outline:light-dark(#7B827D,#757D78);
  --text:light-dark(#19201C,#E7EAE8); --text-2:light-dark(#474F4B,#B4B9B5); --accent:light-dark(#B44B16,#F0965E);
  --on-accent:light-dark(#FFF,#22130A); --link:light-dark(#A34215,#F4A671); --safe:light-dark(#216241,#88D1A6);
  --safe-soft:light-dark(#E0F5E7,#1D2F25); --warn:light-dark(#7C5301,#EAC472); --warn-soft:light-dark(#FDF1D0,#352B15);
  --danger:light-dark(#B32228,#F68880); --danger-soft:light-dark(#FFEBEB,#3E2120); --focus:light-dark(#145EC1,#7DB6FE);
  --mine:light-dark(#EAEEEA,#252A28); --radius:10px; --font:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
  --mono:ui-monospace,"SF Mono","Cascadia Mono",Consolas,monospace;
  display:flex; flex-direction:column; block-size:100%; overflow:hidden; isolation:isolate; color-scheme:light dark; background:var(--surface);
  color:var(--text); font:400 15px/24px var(--font); text-align:start}
.ingle.light{color-scheme:light} .ingle.dark{color-scheme:dark}
.ingle,.ingle *{box-sizing:border-box} .ingle [hidden]{display:none!important}
.ingle :is(h1,h2,h3,h4,h5,h6,p,ul,ol,pre,figure,blockquote,dl,dd){margin:0} .ingle :is(button,textarea){font:inherit; color:inherit}
.ingle :focus-visible{outline:2px solid var(--focus); outline-offset:2px}
.ingle .sr{position:absolute; inline-size:1px; block-size:1px; overflow:hidden; clip-path:inset(50%); white-space:nowrap}
.ingle .top{display:flex; align-items:center; gap:4px; flex:none; padding:8px 8px 8px 16px; border-block-end:1px solid var(--border)}
.ingle .top h2{flex:1; min-inline-size:0; overflow:hidden; text-overflow:ellipsis; white-space:nowrap; font-size:16px; line-height:24px; font-weight:600; outline-offset:0}
.ingle .top slot{display:contents}
.ingle .icon{display:grid; place-items:center; flex:none; inline-size:40px; block-size:40px; padding:0; border:0; border-radius:var(--radius); background:none; cursor:pointer}
.ingle .icon:hover{background:var(--hover)}
.ingle svg{inline-size:20px; block-size:20px; fill:none; stroke:currentColor; stroke-width:1.6; stroke-linecap:round; stroke-linejoin:round}
.ingle .body{display:flex!important; flex-direction:column; flex:1; min-block-size:0; margin:0!important; position:static!important; transform:none!important; background:var(--surface)}
.ingle .chip{display:flex; align-items:center; gap:6px; order:-1; flex:none; position:relative; z-index:2147483647; padding:6px 16px; background:var(--safe-soft); color:var(--safe); font-size:13px; line-height:18px; font-weight:500}
.ingle .chip.shared{background:var(--warn-soft); color:var(--warn)}
.ingle .log{flex:1; min-block-size:0; overflow:auto; padding:16px; overscroll-behavior:contain; overflow-wrap:anywhere}
.ingle .log>*+*{margin-block-start:20px}
.ingle .me{display:flex; justify-content:flex-end}
.ingle .me>div{max-inline-size:85%; padding:8px 14px; border-radius:22px 22px 6px 22px; background:var(--mine); white-space:pre-wrap}
.ingle .answer>*+*{margin-block-start:10px}
.ingle .line{margin-block-start:8px; color:var(--text-2); font-size:13px; line-height:18px; font-variant-numeric:tabular-nums}
.ingle a{color:var(--link); text-underline-offset:3px}
.ingle :is(ul,ol){padding-inline-start:22px} .ingle :is(h1,h2,h3,h4,h5,h6){font-size:15px; line-height:24px; font-weight:600}
.ingle blockquote{padding-inline-start:12px; border-inline-start:3px solid var(--border); color:var(--text-2)}
.ingle code{font:.875em/1.6 var(--mono); background:var(--sunken); border-radius:4px; padding:1px 4px; unicode-bidi:isolate}
.ingle .plain{white-space:pre-wrap}
.ingle .codebox{border:1px solid var(--border); border-radius:10px; background:var(--sunken); direction:ltr}
.ingle .codebox header{display:flex; align-items:center; padding:4px 4px 4px 12px; font-size:13px; line-height:18px; color:var(--text-2)} .ingle .grow{flex:1}
.ingle .codebox button{min-block-size:28px; padding:2px 10px; border:0; border-radius:8px; background:none; cursor:pointer} .ingle .codebox button:hover{background:var(--hover)}
.ingle .codebox .i{display:none} .ingle pre{overflow:auto; padding:0 12px 12px; font:13px/21px var(--mono)} .ingle pre code{padding:0; background:none; font:inherit}
.ingle .table{overflow:auto} .ingle table{border-collapse:collapse; font-size:14px} .ingle :is(th,td){padding:4px 10px; border:1px solid var(--border); text-align:start}
.ingle hr{block-size:1px; border:0; background:var(--border)}
.ingle .card{display:grid; gap:8px; padding:16px; border:1px solid var(--border); border-radius:16px; background:var(--bg)}
.ingle .card h3{font-size:15px; line-height:22px; font-weight:600} .ingle .card small{font-size:13px; line-height:18px; color:var(--text-2)}
.ingle .do{display:flex; flex-wrap:wrap; gap:8px; margin-block-start:4px}
.ingle .b{min-block-size:40px; padding:8px 16px; border:1px solid var(--outline); border-radius:var(--radius); background:var(--surface); font-size:14px; line-height:20px; font-weight:500; cursor:pointer}
.ingle .main{border-color:transparent; background:var(--accent); color:var(--on-accent)}
.ingle .load{display:grid; gap:4px; flex:none; padding:8px 16px 0; color:var(--text-2); font-size:13px; line-height:18px; font-variant-numeric:tabular-nums}
.ingle progress{inline-size:100%; block-size:6px; appearance:none; border:0; border-radius:3px; background:var(--hover); overflow:hidden; accent-color:var(--accent)}
.ingle progress::-webkit-progress-bar{background:var(--hover)} .ingle progress::-webkit-progress-value{background:var(--accent)} .ingle progress::-moz-progress-bar{background:var(--accent)}
.ingle form{display:flex; align-items:flex-end; gap:8px; flex:none; margin:8px 16px 4px; padding:6px 6px 6px 14px; border:1px solid var(--outline); border-radius:22px; background:var(--surface)}
.ingle form:focus-within{outline:2px solid var(--focus); outline-offset:1px}
.ingle textarea{flex:1; min-inline-size:0; max-block-size:120px; padding:8px 0; border:0; background:none; resize:none; font-size:16px; line-height:24px; field-sizing:content} .ingle textarea:focus-visible{outline:0}
.ingle textarea::placeholder{color:var(--text-2); opacity:1}
.ingle .send{border-radius:99px; background:var(--accent); color:var(--on-accent)} .ingle .send:hover{background:var(--accent)}
.ingle .foot{display:flex; gap:12px; flex:none; margin:0 16px 10px; min-block-size:24px; color:var(--text-2); font-size:13px; line-height:24px; font-variant-numeric:tabular-nums}
.ingle details{flex:1; min-inline-size:0} .ingle summary{cursor:pointer; min-block-size:24px} .ingle details div{max-block-size:120px; overflow:auto; white-space:pre-wrap; overflow-wrap:anywhere}
@media (pointer:coarse){.ingle .icon{inline-size:44px; block-size:44px}}
@media (forced-colors:active){.ingle :is(.chip,.me>div,.card){border:1px solid CanvasText}}
html:has(>body>.ingle),body:has(>.ingle){block-size:100%; margin:0; background:none}
`);
