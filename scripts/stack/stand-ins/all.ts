import { debian } from './debian.ts';
import { jaeger } from './jaeger.ts';
import { node } from './node.ts';
import { alertmanager, prometheus } from './prometheus.ts';
import { rabbitmq } from './rabbitmq.ts';
import type { StandIn } from './stand-in.ts';

/** By the repository that the Dockerfile or docker-compose.yml names. */
export const STAND_INS: Record<string, StandIn | undefined> = {
  debian,
  node,
  rabbitmq,
  'prom/prometheus': prometheus,
  'prom/alertmanager': alertmanager,
  'jaegertracing/jaeger': jaeger,
};
