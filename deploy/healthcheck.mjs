// Docker's HEALTHCHECK: exit 0 if the admin server of this container answers /livez. In Kubernetes
// the kubelet asks for itself.
const port = (process.env.TRACEHARE_ADMIN ?? '').split(':').at(-1) || '9673';
const alive = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(2_000) }).then(
  (response) => response.ok,
  () => false,
);
process.exit(alive ? 0 : 1);
