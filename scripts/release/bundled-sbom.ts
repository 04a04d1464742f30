interface Component {
  'bom-ref': string;
  name: string;
  version: string;
  scope?: string;
  properties?: { name: string; value: string }[];
}

/** As much of CycloneDX as is looked at. */
export interface Sbom {
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

/**
 * Of all that is needed for development only what is bundled: the packages whose licenses the program carries. They
 * are in it, so they are required, whatever package.json calls them.
 */
export function bundledSbom(everything: Sbom, licenses: string): Sbom {
  const lines = licenses.split('\n');
  const isBundled = ({ name, version }: Component) => lines.some((line) => line.startsWith(`${name} ${version}, `));
  const components = everything.components
    .filter(isBundled)
    .map(({ properties: _, ...component }) => ({ ...component, scope: 'required' }));
  const root = { ...everything.metadata.component, type: 'application', name: 'tracehare' };
  const refs = new Set(components.map((component) => component['bom-ref']));
  const among = everything.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) }));
  return {
    ...everything,
    metadata: { ...everything.metadata, component: root },
    components,
    dependencies: [{ ref: root['bom-ref'], dependsOn: [...refs] }, ...among],
  };
}
