/** Style sheets are bundled by Vite; `?raw` gives their text. */
declare module "*.css";
declare module "*.css?raw" {
  const text: string;
  export default text;
}

/** What Vite says about the build. */
interface ImportMeta {
  readonly env: { readonly DEV: boolean };
}
