# syntax=docker/dockerfile:1

# Two images: the sidecar (the last stage, so the default) and the demo's apps (target demo).

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: the development dependency "node" would fetch another Node.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts/bundle.ts scripts/bundle-page.ts ./scripts/
COPY src ./src
# Not through npm: its PATH would put that absent Node first.
RUN node scripts/bundle.ts

# The demo's apps: amqplib and nothing of Tracehare.
FROM node:24-bookworm-slim AS demo
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules/amqplib ./node_modules/amqplib
COPY src/demo/apps ./demo/
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["node"]
CMD ["demo/order-service.ts"]

# Debian without npm, yarn and headers: of Node only its binary, which brings its own CA certificates.
FROM debian:bookworm-slim AS tracehare
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tracehare" \
      org.opencontainers.image.description="Observability sidecar for RabbitMQ" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /usr/local/bin/node /usr/local/bin/node
# Fails here, not in production, should a newer Node need a library that slim Debian lacks, or Debian be slimmed of
# chrt, with which Tracehare has itself scheduled as SCHED_BATCH.
RUN node --version && chrt --version
WORKDIR /app
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY --chmod=0755 deploy/entrypoint.sh ./
COPY deploy/healthcheck.mjs ./
# The admin server must be reached by kubelet and Prometheus. Where apps connect stays on loopback:
# a sidecar shares its app's network namespace.
ENV NODE_ENV=production \
    TRACEHARE_ADMIN=0.0.0.0:9673
# A number, so that Kubernetes can verify runAsNonRoot.
USER 10001:10001
EXPOSE 5673 9673
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 CMD ["node", "/app/healthcheck.mjs"]
ENTRYPOINT ["/app/entrypoint.sh"]
