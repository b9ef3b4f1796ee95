// One static page with relative addresses. The package and the page's data are what was built into
// BUILD (scripts/build-web sets PLUCK_BUILD).
import { resolve } from "node:path";

const build = process.env.PLUCK_BUILD;
if (!build) throw new Error("PLUCK_BUILD is not set: run scripts/build-web");

export default {
  base: "./",
  publicDir: resolve(build, "web-data"),
  resolve: { alias: { "pluck-sampling": resolve(build, "js/package/index.js") } },
  server: { fs: { strict: false } },
  build: { outDir: resolve(build, "web"), emptyOutDir: true, assetsInlineLimit: 0, target: "es2022" },
};
