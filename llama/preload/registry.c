/*
 * registry.c: finds the node of a llama_sampler by its address, and keeps the memory that each
 * thread works in.
 *
 * One mutex guards the table, which is read a few times per token. It is held during a fork, so
 * that the child never finds it locked by a thread that the child does not have. A node itself
 * needs no lock: a sampler is used by one thread at a time, as llama.cpp requires.
 */
#include "node.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { N_BUCKETS = 4096 };

static plk_node *buckets[N_BUCKETS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void before_fork(void) {
    pthread_mutex_lock(&mutex);
}

static void after_fork(void) {
    pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void guard_forks(void) {
    pthread_atfork(before_fork, after_fork, after_fork);
}

static size_t bucket_of(const struct llama_sampler *object) {
    return ((uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u >> 52;
}

void plk_params_release(plk_params *params) {
    if (params && atomic_fetch_sub(&params->n_users, 1) == 1) {
        plk_breakers_free(&params->breakers);
        free(params->biases);
        free(params);
    }
}

static void free_node(plk_node *node) {
    pluck_sampler_free(node->own);
    free(node->companion);
    plk_params_release(node->params);
    free(node->lent.memory);
    free(node);
}

/* Takes the node out of the table. Needs the mutex. */
static plk_node *unlink_node(const struct llama_sampler *object) {
    for (plk_node **at = &buckets[bucket_of(object)]; *at; at = &(*at)->next) {
        if ((*at)->object == object) {
            plk_node *node = *at;
            *at = node->next;
            return node;
        }
    }
    return NULL;
}

plk_node *plk_node_find(const struct llama_sampler *object) {
    if (!object) return NULL;
    pthread_mutex_lock(&mutex);
    plk_node *node = buckets[bucket_of(object)];
    while (node && node->object != object) node = node->next;
    pthread_mutex_unlock(&mutex);
    return node && node->iface == object->iface && node->ctx == object->ctx ? node : NULL;
}

plk_node *plk_node_add(struct llama_sampler *object) {
    plk_node *node = object ? calloc(1, sizeof *node) : NULL;
    if (!node) return NULL;
    node->object = object;
    plk_node_refresh(node);
    size_t bucket = bucket_of(object);
    pthread_mutex_lock(&mutex);
    plk_node *old = unlink_node(object);
    node->next = buckets[bucket];
    buckets[bucket] = node;
    pthread_mutex_unlock(&mutex);
    if (old) free_node(old);
    return node;
}

void plk_node_remove(const struct llama_sampler *object) {
    pthread_mutex_lock(&mutex);
    plk_node *node = unlink_node(object);
    pthread_mutex_unlock(&mutex);
    if (node) free_node(node);
}

/* If top_n_sigma ends with a softmax of the sorted candidates, a top-p that keeps everything does
 * the same: it sorts and writes p. Its min_keep is larger than any row. */
pluck_status plk_node_complete(plk_node *node) {
    if (node->type != PLK_STAGE || node->companion || !plk_libllama.sigma_sorts ||
        node->stage.kind != PLUCK_STAGE_TOP_N_SIGMA || !(node->stage.as.top_n_sigma.n > 0.0f))
        return PLUCK_OK;
    plk_node *companion = calloc(1, sizeof *companion);
    if (!companion) return PLUCK_ERR_MEMORY;
    companion->type = PLK_STAGE;
    companion->stage = (pluck_stage){.kind = PLUCK_STAGE_TOP_P, .as.top_p = {0.5f, INT32_MAX}};
    node->companion = companion;
    return PLUCK_OK;
}

void plk_node_refresh(plk_node *node) {
    node->iface = node->object->iface;
    node->ctx = node->object->ctx;
}

/* ---- Memory of threads ----------------------------------------------------------------------- */

typedef struct thread_memory {
    plk_scratch scratch;
    llama_token_data *array;
    size_t n_array;
} thread_memory;

static pthread_key_t memory_key;
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;

static void free_memory(void *pointer) {
    thread_memory *memory = pointer;
    plk_scratch_clear(&memory->scratch);
    free(memory->array);
    free(memory);
}

static void make_key(void) {
    pthread_key_create(&memory_key, free_memory);
}

static thread_memory *memory_of_thread(void) {
    pthread_once(&memory_once, make_key);
    thread_memory *memory = pthread_getspecific(memory_key);
    if (!memory) {
        memory = calloc(1, sizeof *memory);
        if (memory && pthread_setspecific(memory_key, memory) != 0) {
            free(memory);
            memory = NULL;
        }
    }
    return memory;
}

plk_scratch *plk_thread_scratch(void) {
    thread_memory *memory = memory_of_thread();
    return memory ? &memory->scratch : NULL;
}

llama_token_data *plk_thread_array(size_t n) {
    thread_memory *memory = memory_of_thread();
    if (!memory) return NULL;
    if (n > memory->n_array) {
        free(memory->array);
        memory->array = malloc(n * sizeof *memory->array);
        memory->n_array = memory->array ? n : 0;
    }
    return memory->array;
}

/* Samplers are created with a shared workspace so that they make none of their own; every call
 * names the thread's. If it is too small a larger one is made, and the smaller one stays for the
 * samplers that know it. */
pluck_workspace *plk_shared_workspace(int32_t n_vocab) {
    static struct {
        pluck_workspace *workspace;
        int32_t n_vocab;
    } made[25]; /* each at least twice as large as the one before */
    static int n_made;

    pluck_workspace *result = NULL;
    pthread_mutex_lock(&mutex);
    if (n_made > 0 && made[n_made - 1].n_vocab >= n_vocab) {
        result = made[n_made - 1].workspace;
    } else {
        int32_t n = n_made > 0 ? 2 * made[n_made - 1].n_vocab : n_vocab;
        n = n < n_vocab ? n_vocab : n;
        n = n > 16777216 ? 16777216 : n;
        if (pluck_workspace_create(&result, n, NULL) == PLUCK_OK) {
            made[n_made].workspace = result;
            made[n_made++].n_vocab = n;
        }
    }
    pthread_mutex_unlock(&mutex);
    return result;
}
