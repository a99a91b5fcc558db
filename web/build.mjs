// Builds page.html, which is part of the program, and policy.txt, the Content-Security-Policy that it is served with.
// Nothing of it depends on the time or the place of building; `sum` is that of the sources, and a test compares it.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";

const sources = ["build.mjs", "package.json", "package-lock.json", ...readdirSync("src").map((name) => `src/${name}`)];
const sum = createHash("sha1");
for (const name of sources.sort()) sum.update(`${name}\n`).update(readFileSync(name));

async function bundle(entry) {
  const options = { entryPoints: [entry], bundle: true, minify: true, write: false, legalComments: "none", target: "es2020" };
  const result = await build(options);
  return result.outputFiles[0].text.trim();
}

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const script = (await bundle("src/main.js")).replaceAll("</script", "<\\/script");
const style = await bundle("src/page.css");
const licence = readFileSync("node_modules/uplot/LICENSE", "utf8").trim();
const page = readFileSync("src/index.html", "utf8")
  .replace("{{sum}}", () => sum.digest("hex"))
  .replace("{{licence}}", () => licence)
  .replace("{{style}}", () => style)
  .replace("{{script}}", () => script);
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
writeFileSync("page.html", page);
writeFileSync("policy.txt", `${policy}\n`);
console.log(`page.html: ${page.length} bytes`);
