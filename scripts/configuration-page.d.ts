/** docs/configuration.md: every setting with its flag, variable and default. */
export declare function configurationPage(): string;
