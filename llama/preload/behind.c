/* behind.c: takes the place of the libllama behind the drop-in when the drop-in is linked; never
 * loaded. */
void pluck_llama_behind(void);

void pluck_llama_behind(void) {
}
