/*
 * private_names.h: the functions that the library's files share get its prefix behind the scenes.
 *
 * A shared libpluck hides them; a static one cannot, and a program that has a history_init or a
 * stage_dist of its own must link all the same. scripts/check-symbols finds what is missing here.
 */
#ifndef PLUCK_PRIVATE_NAMES_H
#define PLUCK_PRIVATE_NAMES_H

#define adaptive_masses        pluck_private_adaptive_masses
#define candidates_argmax      pluck_private_candidates_argmax
#define candidates_begin       pluck_private_candidates_begin
#define candidates_blocks      pluck_private_candidates_blocks
#define candidates_bound       pluck_private_candidates_bound
#define candidates_changed     pluck_private_candidates_changed
#define candidates_collect     pluck_private_candidates_collect
#define candidates_count       pluck_private_candidates_count
#define candidates_cut         pluck_private_candidates_cut
#define candidates_draw        pluck_private_candidates_draw
#define candidates_drop        pluck_private_candidates_drop
#define candidates_edit        pluck_private_candidates_edit
#define candidates_entropy     pluck_private_candidates_entropy
#define candidates_exp         pluck_private_candidates_exp
#define candidates_greatest    pluck_private_candidates_greatest
#define candidates_group       pluck_private_candidates_group
#define candidates_group_sums  pluck_private_candidates_group_sums
#define candidates_groups      pluck_private_candidates_groups
#define candidates_keep_above  pluck_private_candidates_keep_above
#define candidates_keep_likely pluck_private_candidates_keep_likely
#define candidates_keep_mass   pluck_private_candidates_keep_mass
#define candidates_mass_above  pluck_private_candidates_mass_above
#define candidates_materialise pluck_private_candidates_materialise
#define candidates_mean        pluck_private_candidates_mean
#define candidates_middling    pluck_private_candidates_middling
#define candidates_pad         pluck_private_candidates_pad
#define candidates_realise     pluck_private_candidates_realise
#define candidates_scan        pluck_private_candidates_scan
#define candidates_select      pluck_private_candidates_select
#define candidates_single      pluck_private_candidates_single
#define candidates_stats       pluck_private_candidates_stats
#define candidates_sum         pluck_private_candidates_sum
#define candidates_sum_adapted pluck_private_candidates_sum_adapted
#define candidates_sum_levels  pluck_private_candidates_sum_levels
#define candidates_take_group  pluck_private_candidates_take_group
#define candidates_top_k       pluck_private_candidates_top_k
#define candidates_x_at        pluck_private_candidates_x_at
#define count_through          pluck_private_count_through
#define draw_now               pluck_private_draw_now
#define dry_repeats            pluck_private_dry_repeats
#define dry_scratch            pluck_private_dry_scratch
#define exp_params_make        pluck_private_exp_params_make
#define find_prefix            pluck_private_find_prefix
#define heavy_sums             pluck_private_heavy_sums
#define history_back           pluck_private_history_back
#define history_clear          pluck_private_history_clear
#define history_count          pluck_private_history_count
#define history_distinct       pluck_private_history_distinct
#define history_init           pluck_private_history_init
#define history_push           pluck_private_history_push
#define history_size           pluck_private_history_size
#define history_unordered      pluck_private_history_unordered
#define is_sorted              pluck_private_is_sorted
#define keep_maximum           pluck_private_keep_maximum
#define key_of                 pluck_private_key_of
#define kth_greatest           pluck_private_kth_greatest
#define kth_lowest_id          pluck_private_kth_lowest_id
#define kth_of_few             pluck_private_kth_of_few
#define list_mass              pluck_private_list_mass
#define masses                 pluck_private_masses
#define permute_list           pluck_private_permute_list
#define philox4x32             pluck_private_philox4x32
#define plan_create            pluck_private_plan_create
#define plan_discard           pluck_private_plan_discard
#define plan_release           pluck_private_plan_release
#define plan_share             pluck_private_plan_share
#define random_seed            pluck_private_random_seed
#define rank_descending        pluck_private_rank_descending
#define reaches                pluck_private_reaches
#define scale_by               pluck_private_scale_by
#define search_for             pluck_private_search_for
#define sort_index             pluck_private_sort_index
#define stage_adaptive_p       pluck_private_stage_adaptive_p
#define stage_custom           pluck_private_stage_custom
#define stage_dist             pluck_private_stage_dist
#define stage_dry              pluck_private_stage_dry
#define stage_greedy           pluck_private_stage_greedy
#define stage_infill           pluck_private_stage_infill
#define stage_kind_of          pluck_private_stage_kind_of
#define stage_logit_bias       pluck_private_stage_logit_bias
#define stage_min_p            pluck_private_stage_min_p
#define stage_mirostat         pluck_private_stage_mirostat
#define stage_mirostat_v2      pluck_private_stage_mirostat_v2
#define stage_own_seed         pluck_private_stage_own_seed
#define stage_penalties        pluck_private_stage_penalties
#define stage_temperature      pluck_private_stage_temperature
#define stage_top_k            pluck_private_stage_top_k
#define stage_top_n_sigma      pluck_private_stage_top_n_sigma
#define stage_top_p            pluck_private_stage_top_p
#define stage_typical          pluck_private_stage_typical
#define stage_xtc              pluck_private_stage_xtc
#define stands_before          pluck_private_stands_before
#define stream_begin           pluck_private_stream_begin
#define stream_double          pluck_private_stream_double
#define stream_float           pluck_private_stream_float
#define stream_peek            pluck_private_stream_peek
#define stream_rollback        pluck_private_stream_rollback
#define stream_seed            pluck_private_stream_seed
#define stream_word            pluck_private_stream_word
#define surprise_of            pluck_private_surprise_of
#define survey_deeper          pluck_private_survey_deeper
#define survey_find            pluck_private_survey_find
#define survey_sum             pluck_private_survey_sum
#define survey_sum_likely      pluck_private_survey_sum_likely
#define survey_top             pluck_private_survey_top
#define walk                   pluck_private_walk

#endif /* PLUCK_PRIVATE_NAMES_H */
