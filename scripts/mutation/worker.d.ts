/** What a worker is asked: to run these test files with one source changed, or with all as they are. */
export interface Task {
    tests: string[];
    /** absolute path and the changed text */
    changed?: {
        file: string;
        text: string;
    };
}
export interface Answer {
    /** the test that noticed; '' if none did */
    failed: string;
    passed: number;
}
