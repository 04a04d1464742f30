import { type Connection, everySidecar, useLive } from '../data/live.ts';
import { name } from '../format.ts';
import { href } from '../route.ts';

/** What everybody who looks at any view must know: that figures are not all, or that messages are being harmed. */
export function Notices() {
  const { state, connection } = useLive();
  if (state === undefined) return null;
  const several = state.peers.length > 0;
  const notices: { key: string; bad: boolean; text: string }[] = [];
  const away = AWAY[connection];
  if (away !== undefined) notices.push({ key: 'away', bad: true, text: away });
  for (const { url, name: peer, error } of state.sidecars) {
    if (error !== null) notices.push({ key: `peer ${url}`, bad: true, text: `Without ${peer}: ${error}` });
  }
  for (const { id, name: own, bypass, upstreams, blocked, config, faults } of everySidecar(state)) {
    const where = several ? `${own}: ` : '';
    const say = (key: string, bad: boolean, text: string) =>
      notices.push({ key: `${key} ${id}`, bad, text: where + text });
    if (bypass) say('bypass', true, 'bypassed. New connections are plain pipes, of which nothing is counted.');
    const down = upstreams.filter(({ up }) => up === false);
    if (down.length > 0) say('down', true, `broker ${down.map(({ address }) => address).join(', ')} can't be reached.`);
    if (blocked.connections > 0) {
      say(
        'blocked',
        true,
        `the broker blocks ${connections(blocked.connections)}${blocked.reason ? `: ${blocked.reason}` : ''}.`,
      );
    }
    if (config.lastReloadFailed)
      say('reload', true, 'the changed configuration is wrong and not in force; the log says where.');
    if (faults.length > 0)
      say('faults', false, `${faults.length === 1 ? 'a fault is' : `${faults.length} faults are`} in force.`);
  }
  if (notices.length === 0) return null;
  return (
    <aside class="notices" aria-label="Notices">
      {notices.map(({ key, bad, text }) => (
        <p key={key} class={bad ? 'bad' : 'warn'}>
          {name(text)} {key.startsWith('faults') && <a href={href(['sidecars'])}>Which</a>}
        </p>
      ))}
    </aside>
  );
}

/** Why the figures below may be old. */
const AWAY: Partial<Record<Connection, string>> = {
  reconnecting: 'The sidecar does not answer: the figures below are from before. Trying again…',
  refused:
    'The sidecar does not let this page in any more: the figures below are from before. Load it again to log in.',
};

function connections(count: number): string {
  return count === 1 ? 'a connection' : `${count} connections`;
}
