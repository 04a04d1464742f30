import type { ComponentChildren } from 'preact';
import type { SidecarState } from '../../api.ts';
import { everySidecar, useLive } from '../data/live.ts';
import { bytes, count, duration, moment, name, percent, span } from '../format.ts';
import { useNow } from '../parts/now.ts';
import { Panel } from '../parts/words.tsx';
import { href } from '../route.ts';

export function SidecarsView() {
  const { state } = useLive();
  return (
    <>
      <h1 class="unseen">Sidecars</h1>
      {state === undefined ? (
        <p class="empty">Asking the sidecar…</p>
      ) : (
        <div class="cards">
          {everySidecar(state).map((each) => (
            <Sidecar key={each.id} state={each} />
          ))}
          {state.sidecars
            .filter(({ error }) => error !== null)
            .map(({ url, name: peer, error }) => (
              <Panel key={url} title={name(peer)} {...(peer !== url && { note: url })}>
                <p class="bad">{name(error ?? '')}</p>
              </Panel>
            ))}
        </div>
      )}
      <nav class="ways" aria-label="Figures for programs">
        <a href="metrics">/metrics</a> <a href="readyz?upstream=1">/readyz</a> <a href="api/state">/api/state</a>
      </nav>
    </>
  );
}

function Sidecar({ state }: { state: SidecarState }) {
  useNow(1000);
  const { name: own, version, host, startedAt, listen, upstreams, loss, config, metrics, bypass, messages } = state;
  return (
    <Panel title={name(own)} note={`version ${version} on ${name(host)}`}>
      <dl class="facts">
        <Fact term="Apps connect to">
          <span class="id">{listen}</span>
        </Fact>
        <Fact term="Broker">
          {upstreams.map(({ address, up }) => (
            <div key={address}>
              <span class="id">{address}</span>{' '}
              <span class={up === null ? 'soft' : up ? 'good' : 'bad'}>
                {up === null ? 'not tried yet' : up ? 'up' : 'down'}
              </span>
            </div>
          ))}
        </Fact>
        <Fact term="Running for">
          <time title={moment(startedAt)}>{span(Math.max(0, (Date.now() - startedAt) / 1000))}</time>
        </Fact>
        <Fact term="Observing">
          {bypass ? <span class="bad">bypassed: new connections are plain pipes</span> : <span class="good">yes</span>}
        </Fact>
        <Fact term="Losses found by">{LOSS_MODES[loss]}</Fact>
        <Fact term="Configuration">
          {config.file === null ? 'flags and variables alone' : <span class="id">{name(config.file)}</span>}
          {config.file !== null && `, reloaded ${count(config.reloads.success)} times`}
          {config.lastReloadFailed && <span class="bad">, the last change is wrong and not in force</span>}
        </Fact>
        <Fact term="Messages">
          {count(messages.published)} published, {count(messages.delivered)} delivered since start
        </Fact>
        <Fact term="Metrics go">
          to who asks at <span class="id">{metrics.path}</span>
        </Fact>
        <Fact term="Spans go">
          <Spans spans={state.spans} />
        </Fact>
        <Fact term="Faults in force">
          <Faults faults={state.faults} />
        </Fact>
        <Fact term="Not observed">
          <Counts
            of={state.bypassed.map(({ reason, count }) => ({ name: reason, count }))}
            what="connections became plain pipes"
          />
        </Fact>
        <Fact term="Limits and drops">
          <Counts of={state.limits} what="" />
        </Fact>
      </dl>
    </Panel>
  );
}

const LOSS_MODES: Record<SidecarState['loss'], string> = {
  off: 'what apps ask for alone (off)',
  returns: 'returns: publishes go out mandatory',
  confirms: 'confirms and returns',
};

function Fact({ term, children }: { term: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Spans({ spans: { exporters, endpoint, exported, dropped, kept } }: { spans: SidecarState['spans'] }) {
  return (
    <>
      {exporters.length === 0 ? 'to this page alone' : `to ${exporters.join(', ')}`}
      {endpoint !== null && (
        <>
          {' '}
          at <span class="id">{name(endpoint)}</span>
        </>
      )}
      {exporters.length > 0 && `: ${count(exported)} sent`}
      {dropped > 0 && <span class="bad">, {count(dropped)} dropped</span>}
      <br />
      <a href={href(['traces'])}>{count(kept.traces)} traces</a> kept here, {count(kept.spans)} spans in{' '}
      {bytes(kept.bytes)} of {bytes(kept.maxBytes)}
    </>
  );
}

function Faults({ faults }: { faults: SidecarState['faults'] }) {
  if (faults.length === 0) return <>none</>;
  return (
    <ul>
      {faults.map(({ type, match, toxicity, secondsLeft }, i) => (
        <li key={i}>
          <b class="warn">{type}</b> for {percent(toxicity)} of <span class="id">{name(match)}</span>,{' '}
          {secondsLeft === null
            ? 'no end'
            : `${secondsLeft < 60 ? duration(Math.ceil(secondsLeft)) : span(secondsLeft)} left`}
        </li>
      ))}
    </ul>
  );
}

function Counts({ of, what }: { of: readonly { name: string; count: number }[]; what: string }) {
  if (of.length === 0) return <>none</>;
  return (
    <ul>
      {of.map(({ name: each, count: times }) => (
        <li key={each}>
          <b class="warn">{count(times)}</b> {what} {what === '' ? name(each) : `(${name(each)})`}
        </li>
      ))}
    </ul>
  );
}
