export interface KeyPair {
    cert: string;
    key: string;
}
/** Paths of PEM files. */
export interface Certificates {
    ca: string;
    /** for localhost and 127.0.0.1 */
    server: KeyPair;
    client: KeyPair;
    /** signed by nobody we know */
    stranger: KeyPair;
}
/** Makes a CA and what it signs, valid for a day, in `folder`. */
export declare function makeCertificates(folder: string): Certificates;
