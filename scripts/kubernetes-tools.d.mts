export function kubernetesTools(): { helm: string; kubectl: string } | undefined;
