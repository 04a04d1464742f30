/** A fault as the file says it, checked; plain data that survives a structured clone. Durations are milliseconds. */
export interface FaultSpec {
  type: FaultType;
  /** 0 to 1: probability per message; per dial and per connection for a partition */
  toxicity: number;
  /** how long from the moment the configuration took effect; without it until the configuration changes */
  for?: number;
  attributes?: FaultAttributes;
}

export interface FaultAttributes {
  /** latency, hold_settlements */
  latency?: number;
  jitter?: number;
  /** bandwidth: 1000 bytes per second */
  rate?: number;
  /** reorder: messages */
  distance?: number;
  /** reorder */
  wait?: number;
  /** close_connection, close_channel */
  code?: number;
  text?: string;
  /** partition */
  existing?: 'keep' | 'stall' | 'cut';
  direction?: 'upstream' | 'downstream';
  every?: number;
  lasting?: number;
}

type Attribute = keyof FaultAttributes;

/** Which side's messages each type strikes, and what it can and must be told. */
export const faultTypes = {
  latency: { sides: ['publish', 'consume'], needs: ['latency'], takes: ['latency', 'jitter'] },
  bandwidth: { sides: ['publish', 'consume'], needs: ['rate'], takes: ['rate'] },
  stall: { sides: ['publish', 'consume'], needs: [], takes: [] },
  drop: { sides: ['publish'], needs: [], takes: [] },
  nack: { sides: ['publish'], needs: [], takes: [] },
  duplicate: { sides: ['publish'], needs: [], takes: [] },
  reorder: { sides: ['publish'], needs: [], takes: ['distance', 'wait'] },
  hide_confirms: { sides: ['publish'], needs: [], takes: [] },
  hold_settlements: { sides: ['consume'], needs: [], takes: ['latency', 'jitter'] },
  reset: { sides: ['publish', 'consume'], needs: [], takes: [] },
  close_connection: { sides: ['publish', 'consume'], needs: [], takes: ['code', 'text'] },
  close_channel: { sides: ['publish', 'consume'], needs: [], takes: ['code', 'text'] },
  partition: { sides: [], needs: [], takes: ['existing', 'direction', 'every', 'lasting'] },
} as const satisfies Record<
  string,
  { sides: readonly ('publish' | 'consume')[]; needs: readonly Attribute[]; takes: readonly Attribute[] }
>;

export type FaultType = keyof typeof faultTypes;
