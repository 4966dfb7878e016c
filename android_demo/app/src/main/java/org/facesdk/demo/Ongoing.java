package org.facesdk.demo;

import java.util.function.Consumer;

/**
 * A job and its answer, which outlive the activity that asked: whoever follows last is told, at
 * once where the answer is there already. For the main thread.
 */
final class Ongoing<T> {
    /** Who shows how a job goes. */
    interface Follower<T> extends FaceWork.Done<T>, FaceWork.Failed {
        /** So many of its parts are done. */
        default void progress(int done, int total) {}
    }

    private Follower<T> follower;
    private Consumer<Follower<T>> answer;

    /** Tells this one from now on, and no other. */
    void follow(Follower<T> by) {
        follower = by;
        tell();
    }

    /** Tells this one no more; the answer waits for the next. */
    void leave(Follower<T> by) {
        if (follower == by) {
            follower = null;
        }
    }

    boolean ended() {
        return answer != null;
    }

    void progress(int done, int total) {
        if (follower != null) {
            follower.progress(done, total);
        }
    }

    void done(T result) {
        answer = by -> by.done(result);
        tell();
    }

    void failed(String message) {
        answer = by -> by.failed(message);
        tell();
    }

    private void tell() {
        if (follower != null && answer != null) {
            answer.accept(follower);
        }
    }
}
