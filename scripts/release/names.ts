/** Under what names a release is published: the one place that says so. */
export const PUBLISHED = {
  package: 'tracehare',
  image: 'ghcr.io/tracehare/tracehare',
  chart: 'oci://ghcr.io/tracehare/charts/tracehare',
};
