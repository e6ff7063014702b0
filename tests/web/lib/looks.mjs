// What a look at the page would find: words too small or pale, things clipped or without a name.
import { assert } from "./report.mjs";

/** No sideways scrolling, no text under 12 px, no target under 24 px, contrast of 4.5 and more. */
export async function checkLooks(page) {
  const problems = await page.evaluate(() => {
    const out = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth)
      out.push(`sideways: ${root.scrollWidth} > ${root.clientWidth}`);
    const rgba = (text) => {
      const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
      return [r, g, b, a];
    };
    const luminance = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((v) =>
        (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (node) => {
      for (; node; node = node.parentElement) {
        const color = rgba(getComputedStyle(node).backgroundColor);
        if (color[3] > 0.99) return color;
      }
      return [255, 255, 255, 1];
    };
    const visible = (node) => {
      const box = node.getBoundingClientRect();
      return (
        node.checkVisibility() && box.width > 1 && box.height > 1 && !node.closest(".sr, .skip")
      );
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const node = text.parentElement;
      if (!text.textContent.trim() || !visible(node) || node.closest("script, noscript, option"))
        continue;
      const style = getComputedStyle(node);
      const words = text.textContent.trim().slice(0, 24);
      if (parseFloat(style.fontSize) < 12) out.push(`${style.fontSize}: ${words}`);
      const [a, b] = [luminance(rgba(style.color)), luminance(ground(node))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < 4.5) out.push(`contrast ${contrast.toFixed(2)}: ${words}`);
    }
    for (const node of document.querySelectorAll("button, a, input, textarea, select")) {
      if (!visible(node)) continue;
      const box = node.getBoundingClientRect();
      // A link in a sentence is as high as its line.
      const inline = node.tagName === "A" && getComputedStyle(node).display === "inline";
      if (!inline && (box.width < 24 || box.height < 24))
        out.push(`small target: ${node.outerHTML.slice(0, 60)}`);
      const frame = node.closest("aside, dialog")?.getBoundingClientRect();
      const right = Math.min(root.clientWidth, frame?.right ?? Infinity);
      if (box.right > right + 1) out.push(`clipped: ${node.outerHTML.slice(0, 60)}`);
      const name =
        node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.length;
      if (!name) out.push(`no name: ${node.outerHTML.slice(0, 60)}`);
    }
    return out;
  });
  assert.deepEqual(problems, []);
}

/** As `checkLooks`, in forced colors: icons are drawn as backgrounds, which those hide. */
export async function checkForcedColors(page) {
  await page.emulateMedia({ forcedColors: "active" });
  await checkLooks(page);
  const hidden = await page.evaluate(() => {
    const ground = (node) => {
      for (; node; node = node.parentElement) {
        const color = getComputedStyle(node).backgroundColor;
        if (!/rgba\(.*, 0\)|transparent/.test(color)) return color;
      }
      return getComputedStyle(document.documentElement).backgroundColor;
    };
    return [...document.querySelectorAll(".i")]
      .filter((icon) => icon.checkVisibility() && icon.getBoundingClientRect().width > 1)
      .filter((icon) => getComputedStyle(icon).backgroundColor === ground(icon.parentElement))
      .map((icon) => icon.parentElement.outerHTML.slice(0, 80));
  });
  assert.deepEqual(hidden, [], "icons that cannot be seen");
  await page.emulateMedia({ forcedColors: "none" });
}
