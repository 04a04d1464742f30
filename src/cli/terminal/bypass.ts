import type { BypassAnswer } from '../../api.ts';
import { UsageError } from '../arguments.ts';
import type { Arguments } from '../command.ts';
import { AdminClient } from './admin-client.ts';
import { print } from './output.ts';

/** `tracehare bypass on|off`. */
export async function run(given: Arguments): Promise<void> {
  const [word, ...rest] = given.words;
  if ((word !== 'on' && word !== 'off') || rest.length > 0) throw new UsageError('bypass needs a word: on, or off');
  const client = new AdminClient(given);
  const answer =
    word === 'on'
      ? await client.change<BypassAnswer>('POST', '/api/bypass', {})
      : await client.change<BypassAnswer>('DELETE', '/api/bypass');
  if (given.options.json) print(JSON.stringify(answer));
  else print(answer.bypass ? 'new connections are plain pipes' : 'new connections are read');
}
