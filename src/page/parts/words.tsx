import type { ComponentChildren } from 'preact';
import type { TraceOutcome } from '../../api.ts';
import { count, duration, NONE, percent, rate } from '../format.ts';

/** How a message or a trace ended: said in a word, and coloured. */
export function Outcome({ outcome, reason = '' }: { outcome: TraceOutcome; reason?: string }) {
  return (
    <>
      <span class={`outcome ${outcome}`}>{outcome}</span> {reason !== '' && <small>{words(reason)}</small>}
    </>
  );
}

/** Why a message was lost. */
export function Reason({ reason }: { reason: string }) {
  return <span class="outcome lost">{words(reason)}</span>;
}

function words(reason: string): string {
  return reason.replaceAll('_', ' ');
}

export function Rate({ value }: { value: number }) {
  return (
    <span class={value === 0 ? 'none' : undefined}>
      {rate(value)}
      <small> /s</small>
    </span>
  );
}

export function Duration({ seconds }: { seconds: number | null }) {
  const [figure, unit] = duration(seconds).split(/ (?=\S+$)/);
  if (unit === undefined) return <span class="none">{figure}</span>;
  return (
    <span>
      {figure}
      <small> {unit}</small>
    </span>
  );
}

/** A share of messages that were lost. */
export function Loss({ share }: { share: number | null }) {
  if (share === null) return <span class="none">{NONE}</span>;
  return <span class={share > 0 ? 'bad' : 'none'}>{percent(share)}</span>;
}

/** A count of what had better be none. */
export function Bad({ value, warn = false }: { value: number; warn?: boolean }) {
  return <span class={value === 0 ? 'none' : warn ? 'warn' : 'bad'}>{count(value)}</span>;
}

export function Count({ value }: { value: number }) {
  return <span class={value === 0 ? 'none' : undefined}>{count(value)}</span>;
}

export interface FigureProps {
  label: string;
  /** what exactly it counts */
  meaning?: string;
  children: ComponentChildren;
}

/** One of the few figures at the top of a view. */
export function Figure({ label, meaning, children }: FigureProps) {
  return (
    <div class="figure" title={meaning}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export interface PanelProps {
  title: string;
  /** beside the title: what is shown exactly */
  note?: ComponentChildren;
  children: ComponentChildren;
}

export function Panel({ title, note, children }: PanelProps) {
  return (
    <section class="panel">
      <h2>
        {title} {note !== undefined && <small>{note}</small>}
      </h2>
      {children}
    </section>
  );
}

/** Why there is nothing newer to see. */
export function Trouble({ refusal }: { refusal: Error | undefined }) {
  if (refusal === undefined) return null;
  return (
    <p class="trouble" role="status">
      {refusal.message}
    </p>
  );
}
