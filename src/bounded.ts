/** Makes room for one more in a map or set that holds at most `max`: what came first goes. */
export function makeRoom<K>(collection: Pick<Map<K, unknown> | Set<K>, 'size' | 'delete' | 'keys'>, max: number): void {
  if (collection.size < max) return;
  for (const oldest of collection.keys()) {
    collection.delete(oldest);
    return;
  }
}
