/*
 * threads.h: what the pool needs of a system's threads, for POSIX and for Windows. PK_THREADS is
 * defined where there is one of the two.
 *
 *     static pk_thread_result PK_THREAD_CALL serve(void *arg) { ...; return 0; }
 *     pk_thread_start(&thread, serve, arg)
 */
#ifndef PLUCK_THREADS_H
#define PLUCK_THREADS_H

#include <stdbool.h>

#if defined(__unix__) || defined(__APPLE__)
#define PK_THREADS

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

typedef pthread_t pk_thread;
typedef pthread_mutex_t pk_mutex;
typedef pthread_cond_t pk_condition;
typedef pid_t pk_process;
typedef void *pk_thread_result;
#define PK_THREAD_CALL

static inline bool pk_mutex_init(pk_mutex *m) {
    return pthread_mutex_init(m, NULL) == 0;
}
static inline void pk_mutex_destroy(pk_mutex *m) {
    (void)pthread_mutex_destroy(m);
}
static inline void pk_mutex_lock(pk_mutex *m) {
    (void)pthread_mutex_lock(m);
}
static inline void pk_mutex_unlock(pk_mutex *m) {
    (void)pthread_mutex_unlock(m);
}
static inline bool pk_condition_init(pk_condition *c) {
    return pthread_cond_init(c, NULL) == 0;
}
static inline void pk_condition_destroy(pk_condition *c) {
    (void)pthread_cond_destroy(c);
}
static inline void pk_condition_wait(pk_condition *c, pk_mutex *m) {
    (void)pthread_cond_wait(c, m);
}
static inline void pk_condition_wake_one(pk_condition *c) {
    (void)pthread_cond_signal(c);
}
static inline void pk_condition_wake_all(pk_condition *c) {
    (void)pthread_cond_broadcast(c);
}

/* All signals are blocked in the thread: they are for threads that the program knows of. */
static inline bool pk_thread_start(pk_thread *t, pk_thread_result (*main)(void *), void *arg) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(t, NULL, main, arg) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}
static inline void pk_thread_join(pk_thread t) {
    (void)pthread_join(t, NULL);
}

/* A child of a fork has another number than its parent. */
static inline pk_process pk_this_process(void) {
    return getpid();
}

#elif defined(_WIN32)
#define PK_THREADS

/* Windows Vista has these locks and conditions. A build for older systems, or one that says nothing,
 * does not see them; what it says of its own files does not matter here. */
#if !defined(_WIN32_WINNT) || _WIN32_WINNT < 0x0600
#undef _WIN32_WINNT
#undef WINVER
#undef NTDDI_VERSION
#define _WIN32_WINNT 0x0600
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

typedef HANDLE pk_thread;
typedef SRWLOCK pk_mutex;
typedef CONDITION_VARIABLE pk_condition;
typedef DWORD pk_process;
typedef DWORD pk_thread_result;
#define PK_THREAD_CALL WINAPI

static inline bool pk_mutex_init(pk_mutex *m) {
    InitializeSRWLock(m);
    return true;
}
static inline void pk_mutex_destroy(pk_mutex *m) {
    (void)m;
}
static inline void pk_mutex_lock(pk_mutex *m) {
    AcquireSRWLockExclusive(m);
}
static inline void pk_mutex_unlock(pk_mutex *m) {
    ReleaseSRWLockExclusive(m);
}
static inline bool pk_condition_init(pk_condition *c) {
    InitializeConditionVariable(c);
    return true;
}
static inline void pk_condition_destroy(pk_condition *c) {
    (void)c;
}
static inline void pk_condition_wait(pk_condition *c, pk_mutex *m) {
    (void)SleepConditionVariableSRW(c, m, INFINITE, 0);
}
static inline void pk_condition_wake_one(pk_condition *c) {
    WakeConditionVariable(c);
}
static inline void pk_condition_wake_all(pk_condition *c) {
    WakeAllConditionVariable(c);
}
static inline bool pk_thread_start(pk_thread *t, LPTHREAD_START_ROUTINE main, void *arg) {
    *t = CreateThread(NULL, 0, main, arg, 0, NULL);
    return *t != NULL;
}
static inline void pk_thread_join(pk_thread t) {
    (void)WaitForSingleObject(t, INFINITE);
    (void)CloseHandle(t);
}
static inline pk_process pk_this_process(void) {
    return GetCurrentProcessId();
}

#endif

#endif /* PLUCK_THREADS_H */
