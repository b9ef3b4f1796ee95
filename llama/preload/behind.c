/* behind.c: stands for the libllama behind the drop-in where that is linked; never loaded. */
void pluck_llama_behind(void);

void pluck_llama_behind(void) {
}
