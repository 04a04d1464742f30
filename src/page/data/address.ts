/**
 * Of a path of this very server, under whatever prefix the page is served. Without user and password that the page's own
 * address may have: browsers refuse to ask with them, and remember them for the server anyway.
 */
export function address(path: string): string {
  return new URL(path, location.origin + location.pathname).href;
}
