export function rabbitmqFolder(): string | undefined;
export function pikaPython(): string | undefined;
export function javaClassPath(): string | undefined;
export function faketimeLibrary(): string | undefined;
export function commandPath(name: string): string | undefined;
export function provision(names?: string[]): void;
