/** Style sheets are bundled by Vite; `?raw` gives their text. */
declare module "*.css";
declare module "*.css?raw" {
  const text: string;
  export default text;
}
