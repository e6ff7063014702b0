/**
 * Compiles while the bytes arrive; a server that does not know the type is no reason to fail. With
 * `integrity` the browser gives them only whole, and only if they are those.
 */
export async function compile(file: URL, integrity?: string): Promise<WebAssembly.Module> {
  const response = await fetch(file, integrity === undefined ? {} : { integrity });
  if (!response.ok) throw new Error(`${file.pathname}: status ${response.status}`);
  if (response.headers.get("content-type")?.startsWith("application/wasm")) {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}
