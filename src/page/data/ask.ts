import { useEffect, useState } from 'preact/hooks';
import { address } from './address.ts';
import { live } from './live.ts';

/** An answer that is not one: its status, and the server's line. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, line: string) {
    super(line);
    this.status = status;
  }
}

export type Query = Record<string, string | number | undefined>;

/** GET of `api/…`. Throws Refused, or what fetch throws. */
export async function ask<T>(path: string, query: Query, signal: AbortSignal): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const asked = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  const answer = await fetch(address(`api/${path}${given.length === 0 ? '' : `?${asked}`}`), { signal });
  if (!answer.ok) throw new Refused(answer.status, (await answer.text()).trim());
  return answer.json() as Promise<T>;
}

export interface Asked<T> {
  /** the latest one, also of what was asked before: it stays until there is a newer one */
  answer: T | undefined;
  /** why there is no newer one */
  refusal: Error | undefined;
}

/** Asks at once, and again `every` so many milliseconds after each answer while somebody looks; null: only once. */
export function useAsk<T>(path: string, query: Query, every: number | null): Asked<T> {
  const key = JSON.stringify([path, query]);
  const [asked, setAsked] = useState<Asked<T>>({ answer: undefined, refusal: undefined });
  useEffect(() => {
    const over = new AbortController();
    let next: ReturnType<typeof setTimeout> | undefined;
    const again = async () => {
      clearTimeout(next);
      if (document.hidden) return;
      try {
        const answer = await ask<T>(path, query, over.signal);
        if (!over.signal.aborted) setAsked({ answer, refusal: undefined });
      } catch (error) {
        if (over.signal.aborted) return;
        const refusal = error instanceof Error ? error : new Error(String(error));
        setAsked((before) => ({ answer: before.answer, refusal }));
      }
      if (every !== null && !over.signal.aborted) next = setTimeout(again, every);
    };
    void again();
    document.addEventListener('visibilitychange', again);
    // a sidecar that came back has other figures, or has forgotten
    let id = live.state?.id;
    const unwatch = live.watch(() => {
      if (live.state?.id !== id && every !== null) void again();
      id = live.state?.id;
    });
    return () => {
      over.abort();
      clearTimeout(next);
      unwatch();
      document.removeEventListener('visibilitychange', again);
    };
  }, [key, every]);
  return asked;
}
