import type { ContentHeader } from '../amqp/content.ts';
import type { Middleware } from '../proxy/plane/middleware.ts';
import { readDecision } from './decision.ts';
import { HeaderEdits } from './header-edits.ts';
import type { PluginHook } from './hook.ts';
import { MessageView } from './message.ts';
import type { Message } from './plugin.ts';

/** The plugins' hooks for messages, in their order: of several that decide on one thing, the first does. */
export function createMiddleware(
  publish: readonly PluginHook<Message>[],
  deliver: readonly PluginHook<Message>[],
): Middleware {
  const edits = new HeaderEdits();
  /** of the message at hand */
  let sample: boolean | undefined;
  let at: ContentHeader;

  function takePublish(returned: unknown): void {
    const decision = readDecision('onPublish', returned);
    if (decision?.headers !== undefined) edits.decide(decision.headers, at);
    sample ??= decision?.sample;
  }

  function takeDeliver(returned: unknown): void {
    sample ??= readDecision('onDeliver', returned)?.sample;
  }

  return {
    onPublish(header, route, scope, context) {
      if (publish.length === 0) return route.treatment.headers;
      edits.begin();
      sample = undefined;
      at = header;
      const message = new MessageView('publish', header, route, scope, false);
      for (const hook of publish) hook.call(message, takePublish);
      message.release();
      if (sample !== undefined) context.ratio = sample ? 1 : 0;
      return edits.with(route.treatment.headers, header);
    },

    onDeliver(header, route, scope, context, redelivered) {
      if (deliver.length === 0) return;
      sample = undefined;
      const message = new MessageView('consume', header, route, scope, redelivered);
      for (const hook of deliver) hook.call(message, takeDeliver);
      message.release();
      if (sample !== undefined) context.ratio = sample ? 1 : 0;
    },
  };
}
