import { until } from './wait.ts';

export interface ServerEvent {
  name: string;
  data: unknown;
}

export interface EventStream {
  /** grows as events come */
  readonly events: ServerEvent[];
  /** Waits for an event of that name that fits. */
  next<T>(name: string, fits?: (data: T) => boolean): Promise<T>;
  close(): void;
}

/** Reads server-sent events until it is closed. Rejects if the answer is none of 200. */
export async function readEvents(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
  const gone = new AbortController();
  const response = await fetch(url, { signal: gone.signal, headers });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  const events: ServerEvent[] = [];
  const read = async (): Promise<void> => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const whole = text.split('\n\n');
      text = whole.pop() ?? '';
      for (const event of whole) {
        const [, name] = /^event: (.*)$/m.exec(event) ?? [];
        const [, data] = /^data: (.*)$/m.exec(event) ?? [];
        if (name !== undefined && data !== undefined) events.push({ name, data: JSON.parse(data) });
      }
    }
  };
  read().catch(() => {}); // it is closed
  return {
    events,
    async next<T>(name: string, fits: (data: T) => boolean = () => true): Promise<T> {
      const found = await until(
        () => events.find((event) => event.name === name && fits(event.data as T)),
        () => `an event ${name} comes that fits; there came ${JSON.stringify(events).slice(0, 2000)}`,
      );
      return found.data as T;
    },
    close: () => gone.abort(),
  };
}
