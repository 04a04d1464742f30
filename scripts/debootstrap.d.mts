export function unpackDebian(what: { suite: string; packages: string[]; folder: string }): void;
